//! What `docs/rhc-card.md` shows is real: every `console` block is run and compared, and the pictures are what a terminal of a
//! real run got, colours included. `RHC_UPDATE_DOCS=1` writes what was seen into the page and the pictures instead.
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

mod bench;

use std::path::Path;
use std::process::Command;

use bench::{Bench, CARD, SAM, USER, support, told};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rhc-card.md");
const PICTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/images");
const WIDTH: usize = 110;
/// Each picture and the commands that it shows.
const DRAWN: [(&str, &[&str]); 3] = [
    (
        "rhc-card-apdu",
        &[
            "rhc-card apdu --reader 'Reader 00' 00A404000C57532E5359532E4444463031 00A4000002EF05 00B2080400 00B2630400",
        ],
    ),
    ("rhc-card-trace", &["rhc-card trace desk.conversation"]),
    (
        "rhc-card-script",
        &[
            "cat check.apdu",
            "rhc-card script check.apdu --reader 'Reader 00'",
        ],
    ),
];

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
    let anew = std::env::var_os("RHC_UPDATE_DOCS").is_some();
    for (name, lines) in DRAWN {
        let picture = drawn(&bench, lines);
        assert!(
            page.contains(&format!("images/{name}.svg")),
            "{name} is not shown"
        );
        let path = Path::new(PICTURES).join(format!("{name}.svg"));
        if anew {
            std::fs::create_dir_all(PICTURES).unwrap();
            std::fs::write(path, picture).unwrap();
        } else {
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(picture == kept, "draw {name} anew with RHC_UPDATE_DOCS=1");
        }
    }
    if anew {
        std::fs::write(PAGE, &seen).unwrap();
        return;
    }
    assert_eq!(seen, page, "write the page anew with RHC_UPDATE_DOCS=1");
}

/// What a terminal got, as a picture. `script` (Debian's bsdutils) gives the program a terminal.
fn drawn(bench: &Bench, lines: &[&str]) -> String {
    let mut screen = String::new();
    for line in lines {
        let mut command = shell(bench, "script");
        command.args(["-qefc", line, "/dev/null"]);
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        let got = command.output().expect("apt-get install bsdutils");
        let got = told(&got).1.replace("\r\n", "\n");
        screen += &wrapped(&format!("\x1b[1m$ {line}\x1b[0m\n{got}"));
    }
    assert!(
        screen.matches("\x1b[").count() > 4,
        "no colours in {screen}"
    );
    anstyle_svg::Term::new().render_svg(&screen) + "\n"
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

/// Lines broken where a terminal of that width breaks them; escape sequences take no room.
fn wrapped(text: &str) -> String {
    let (mut out, mut column, mut escape) = (String::new(), 0, false);
    for letter in text.chars() {
        if letter == '\x1b' {
            escape = true;
        } else if escape {
            escape = letter != 'm';
        } else if letter == '\n' {
            column = 0;
        } else {
            if column == WIDTH {
                out.push('\n');
                column = 0;
            }
            column += 1;
        }
        out.push(letter);
    }
    out
}

fn output(bench: &Bench, line: &str) -> String {
    let mut command = shell(bench, "sh");
    command.args(["-c", &format!("{line} 2>&1")]);
    told(&command.output().unwrap()).1
}

/// A program that finds ours on its path.
fn shell(bench: &Bench, program: &str) -> Command {
    let folder = Path::new(CARD).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let mut command = bench.daemon.client(program);
    command.env("PATH", path).env_remove("RHC_LANG");
    command.current_dir(bench.folder.path());
    command
}
