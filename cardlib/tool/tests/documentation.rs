//! The pictures in `docs/rhc-card.md` are real: every `console` block is run and compared.
//! `RHC_UPDATE_DOCS=1` writes what was seen into the page instead.
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

mod bench;

use std::path::Path;

use bench::{Bench, CARD, SAM, USER, support, told};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rhc-card.md");

#[test]
fn the_pictures_in_the_documentation_are_real() {
    let bench = Bench::new();
    let _card = bench.insert(0, support::card());
    let _sam = bench.insert(1, support::sam(5));
    bench.wait(USER);
    bench.wait(SAM);
    bench.write(
        "check.apdu",
        b"reset > 3B6C0002????????????????5454*   # a TEST card\n00B2010400 > 6986\n",
    );
    bench.write("desk.conversation", conversation().as_bytes());
    let page = std::fs::read_to_string(PAGE).unwrap();
    let seen = redrawn(&bench, &page);
    if std::env::var_os("RHC_UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &seen).unwrap();
        return;
    }
    assert_eq!(seen, page, "write the page anew with RHC_UPDATE_DOCS=1");
}

/// A desk whose SAM holds another root than the card: the authentication fails.
fn conversation() -> String {
    let profile = support::profile();
    let key = profile.key("RK1_DDF1").unwrap();
    let name = profile.df("DDF1").unwrap().df_name.clone().unwrap();
    let steps = key.factors.len();
    let factors = format!("1122334455667788{}", "3431303030303030".repeat(steps - 1));
    format!(
        "card atr 3B6C0002112233445566778854540107\n\
         card 00A40400{:02X}{} > 9000\n\
         card 0084000008 > 01020304050607089000\n\
         sam 80DE{:02X}{:02X}{:02X}{factors}0102030405060708 > 9000\n\
         card 008200{:02X}11{}112233445566778801 > 63C9\n",
        name.len(),
        hex::encode_upper(&*name),
        key.sam_usage,
        1 << 5 | key.sam_index,
        8 * (steps + 1),
        key.kid,
        "AA".repeat(8),
    )
}

/// The page with every block's output replaced by what comes now.
fn redrawn(bench: &Bench, page: &str) -> String {
    let mut seen = String::new();
    let mut rest = page;
    let mut blocks = 0;
    while let Some((before, block)) = rest.split_once("```console\n") {
        let (block, behind) = block.split_once("```\n").unwrap();
        let line = block.lines().next().unwrap();
        let output = output(bench, line.strip_prefix("$ ").unwrap());
        seen += &format!("{before}```console\n{line}\n{output}```\n");
        rest = behind;
        blocks += 1;
    }
    assert!(blocks >= 7, "{blocks} blocks");
    seen + rest
}

fn output(bench: &Bench, line: &str) -> String {
    let folder = Path::new(CARD).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let mut command = bench.daemon.client("sh");
    command.args(["-c", &format!("{line} 2>&1")]);
    command.env("PATH", path).env_remove("RHC_LANG");
    command.current_dir(bench.folder.path());
    told(&command.output().unwrap()).1
}
