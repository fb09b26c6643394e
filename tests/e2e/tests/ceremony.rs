//! Ceremonies as people hold them: the page of operations is run line by line, the keys' demo ends well, and a ceremony
//! killed at random points goes on where it stopped, to one transcript that a foreign judge accepts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tests_stand::ceremony::{CUSTODIANS, out_of};
use tests_stand::house::House;
use tests_stand::hsm::Place;
use tests_stand::kms::Tier;
use tests_stand::{Daemon, Service, Stack, Tool, binaries};

fn top() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Commands of a page's `console` blocks, each with the lines that it prints.
fn commands(page: &str) -> Vec<(String, Vec<String>)> {
    let (mut found, mut inside) = (Vec::<(String, Vec<String>)>::new(), false);
    for line in page.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => {
                if let Some(command) = line.strip_prefix("$ ") {
                    found.push((command.to_owned(), Vec::new()));
                } else if let Some((_, lines)) = found.last_mut() {
                    lines.push(line.to_owned());
                }
            }
            _ => {}
        }
    }
    found
}

/// Whether a text is as a pattern says, in which `…` is anything.
fn fits(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
        last = Some(part);
    }
    rest.is_empty() || last == Some("")
}

#[test]
fn the_page_shows_what_the_commands_print() {
    let page = fs::read_to_string(top().join("docs/operations/ceremony.md")).expect("the page");
    let folder = tempfile::tempdir().expect("folder");
    // The HSM is another user's.
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), open).expect("rights");
    let place = Place::new(&folder.path().join("hsm"), Tier::Ministry.officers());
    place.init("test").expect("an HSM");
    let _running = place.serve("hsm").expect("it serves");
    let programs = binaries::program("rhc-kms").expect("built");
    let programs = programs.parent().expect("its folder").display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
    // The custodians' second machine: a reader with a new card for each of the three who come to the restore.
    let daemon = Daemon::start_on(Stack::Own, 3).expect("pcscd");
    let cards = daemon.readers().iter().map(|reader| {
        let mut card = Command::new(binaries::program("rhc-card").expect("built"));
        card.args(["virtual", "custodian"]);
        card.args(reader.place.words());
        let log = place.folder.join(format!("{}.log", reader.name));
        Service::start("rhc-card", card, &log).expect("a card")
    });
    let _cards: Vec<Service> = cards.collect();
    for reader in daemon.readers() {
        daemon.wait_card(reader, true).expect("a card is there");
    }
    let all = commands(&page);
    assert!(all.len() >= 18, "{} commands", all.len());
    for (command, lines) in all {
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1; {command}")])
            .env("PATH", &path)
            .envs([daemon.environment()])
            .env("RHC_LOG", "error")
            .env("RHC_LANG", "en")
            .current_dir(&place.folder)
            .output()
            .expect("bash");
        let printed = String::from_utf8_lossy(&output.stdout);
        let trimmed: Vec<&str> = printed.trim_end().lines().map(str::trim_end).collect();
        let (printed, expected) = (trimmed.join("\n"), lines.join("\n"));
        assert!(
            fits(&printed, &expected),
            "$ {command}\n{printed}\n-- the page says --\n{expected}"
        );
    }
}

#[test]
fn the_keys_demo_ends_well_in_both_languages() {
    for (language, last) in [
        ("en", "everything went as it should"),
        ("zh", "全部符合预期"),
    ] {
        let out = tempfile::tempdir().expect("folder");
        let tool = Tool::new("rhc-demo").expect("demo").directory(&top());
        let told = tool
            .env(("RHC_LANG", language))
            .words("--keys --out")
            .arg(out.path())
            .ok()
            .expect("the keys' demo");
        assert!(told.out.contains(last), "{}", told.out);
        let text = fs::read_to_string(out.path().join("result.json")).expect("result.json");
        let result: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let steps = result["steps"].as_array().expect("steps");
        assert!(steps.len() >= 8, "{text}");
        assert!(
            steps.iter().all(|step| step["as_expected"] == true),
            "{text}"
        );
    }
}

/// Numbers that differ from run to run and are printed, so that a failure can be told again.
fn delays(seed: u64, count: usize) -> Vec<Duration> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..count)
        .map(|_| Duration::from_millis(next() % 400))
        .collect()
}

#[test]
fn a_ceremony_killed_at_random_points_ends_once_and_whole() {
    let seed = u64::from(std::process::id()) * 7919;
    println!("seed {seed}");
    let mut house = House::found().expect("house");
    house.start_hsms().expect("HSMs");
    let tier = Tier::Ministry;
    house.found_tool(tier).and_then(Tool::ok).expect("a store");
    let mut words = String::from(
        "--source test-formula --test-maker 5454:RHC-SIM --memory-kib 8192 --threshold 3",
    );
    for custodian in CUSTODIANS {
        words.push_str(&format!(" --custodian {custodian}"));
    }
    let file = house.draft(tier, "killed", &words).expect("a draft");
    house.review(tier, &file).expect("reviews");
    let entries: Vec<PathBuf> = CUSTODIANS
        .iter()
        .map(|name| house.enter(tier, &file, name, None).expect("an entry"))
        .collect();
    let kills = delays(seed, 10);
    let mut killed = 0;
    for delay in &kills {
        let tool = house.hold_tool(tier, &file, &entries, &[]).expect("tool");
        let mut command = tool.into_command();
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("started");
        std::thread::sleep(*delay);
        if child.try_wait().expect("asked").is_none() {
            killed += 1;
        }
        let _ = child.kill();
        child.wait().expect("ended");
        if ended(&file) {
            break;
        }
    }
    println!("ceremony: {killed} kills");
    if !ended(&file) {
        house
            .hold(tier, &file, &entries, &[])
            .expect("it goes on to its end");
    }
    let again = house
        .hold_tool(tier, &file, &entries, &[])
        .and_then(Tool::run);
    assert_eq!(again.expect("tool").code, 3, "a ceremony takes place once");
    let keys = house.keys(tier).expect("keys");
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(42), "{keys}");
    let audit = house
        .kms(tier, "audit verify")
        .and_then(Tool::run)
        .expect("audit");
    assert_eq!(audit.code, 0, "{}", audit.text());
    let judge = Tool::foreign("/usr/bin/python3").arg(top().join("tests/judges/ceremony.py"));
    judge.arg(transcript(&file)).ok().expect("the judge");
}

fn transcript(file: &Path) -> PathBuf {
    out_of(file).join("ceremony-1.transcript.json")
}

fn ended(file: &Path) -> bool {
    transcript(file).exists()
}
