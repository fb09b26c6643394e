//! Hostile products, suites and packages: everything comes to an end with a verdict or a named trouble, nothing hangs, nothing
//! panics, nonsense does not pass.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cardlib_sim::VirtualCard;
use tests_conformance::bench::virtual_product::{Make, Recipe, VirtualBench};
use tests_conformance::engine::talk::Limits;
use tests_conformance::evidence::chain::{self, Writer};
use tests_conformance::evidence::record::{NoSink, Record, Sink, Verdict};
use tests_conformance::evidence::{key, package};
use tests_conformance::hierarchy::PRESETS;
use tests_conformance::plan::{Choice, plan};
use tests_conformance::random::Chance;
use tests_conformance::report;
use tests_conformance::run::{Manner, RunError, run};
use tests_conformance::suite::load::{Source, load};
use tests_conformance::suite::{Kind, Suites, embedded};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rhc-conformance");

/// What a card can do to a harness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trick {
    /// 61 01 to everything, GET RESPONSE too.
    Endless,
    /// 256 bytes and 61 00, again and again.
    EndlessData,
    /// 6C 01 to everything.
    WrongLe,
    /// 64 KiB.
    Long,
    /// One byte more than was asked for.
    OneMore,
    /// Half of what it has.
    Half,
    /// Nothing, not even an ATR.
    Silent,
    /// A byte where a status word has two.
    OneByte,
    /// Bytes that end in no status word.
    NoStatus,
    /// Forty random bytes as ATR.
    AtrGarbage,
    /// Resets itself in the middle of every third command.
    Resets,
    /// Random bytes, random status words.
    Changing,
    /// Sends back what it got.
    Echo,
    /// 9000 to everything.
    Yes,
}

const TRICKS: [Trick; 14] = [
    Trick::Endless,
    Trick::EndlessData,
    Trick::WrongLe,
    Trick::Long,
    Trick::OneMore,
    Trick::Half,
    Trick::Silent,
    Trick::OneByte,
    Trick::NoStatus,
    Trick::AtrGarbage,
    Trick::Resets,
    Trick::Changing,
    Trick::Echo,
    Trick::Yes,
];

/// A chip that is sound but for its trick.
struct Hostile {
    trick: Trick,
    chip: Box<dyn VirtualCard>,
    chance: Chance,
    count: u32,
}

impl VirtualCard for Hostile {
    fn reset(&mut self) -> Vec<u8> {
        let atr = self.chip.reset();
        match self.trick {
            Trick::AtrGarbage => self.chance.bytes(40),
            Trick::Silent => Vec::new(),
            _ => atr,
        }
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        self.count += 1;
        let mut sound = |apdu| self.chip.handle(apdu);
        match self.trick {
            Trick::Endless => vec![0x61, 0x01],
            Trick::EndlessData => [&[0xAA; 256][..], &[0x61, 0x00]].concat(),
            Trick::WrongLe => vec![0x6C, 0x01],
            Trick::Long => vec![0x90; 65_536],
            Trick::OneMore => {
                let mut answer = sound(apdu);
                if answer.len() > 2 {
                    answer.insert(0, 0xAA);
                }
                answer
            }
            Trick::Half => {
                let answer = sound(apdu);
                answer[answer.len() / 2..].to_vec()
            }
            Trick::Silent => Vec::new(),
            Trick::OneByte => vec![0x90],
            Trick::NoStatus => vec![0x12, 0x34, 0x56],
            Trick::AtrGarbage => vec![0x6D, 0x00],
            Trick::Resets if self.count.is_multiple_of(3) => {
                self.chip.reset();
                Vec::new()
            }
            Trick::Resets => sound(apdu),
            Trick::Changing => {
                let len = self.chance.below(20);
                let mut out = self.chance.bytes(len);
                let words = [[0x90, 0x00], [0x6C, 0x05], [0x61, 0x09], [0x69, 0x82]];
                out.extend(words[self.chance.below(words.len())]);
                out
            }
            Trick::Echo => [apdu, &[0x90, 0x00]].concat(),
            Trick::Yes => vec![0x90, 0x00],
        }
    }
}

fn manner(kind: Kind, commands: usize) -> Manner {
    Manner {
        preset: PRESETS[0],
        kind,
        seed: "hostile".into(),
        repeats: 1,
        limits: Limits {
            commands,
            time: Duration::from_secs(60),
        },
    }
}

fn bench(trick: Trick, kind: Kind) -> VirtualBench {
    let recipe = Recipe::sound(PRESETS[0], 1).unwrap();
    let make: Make = Box::new(move || {
        let chip: Box<dyn VirtualCard> = match kind {
            Kind::Sam => Box::new(recipe.sam()?),
            _ => Box::new(recipe.card()?),
        };
        let chance = Chance::of("hostile", "");
        Ok(Box::new(Hostile {
            trick,
            chip,
            chance,
            count: 0,
        }))
    });
    let (card, sam) = match kind {
        Kind::Sam => (None, Some(make)),
        _ => (Some(make), None),
    };
    VirtualBench::new("hostile", card, sam).unwrap()
}

#[test]
fn no_product_hangs_or_passes_by_nonsense() {
    let suites = embedded::suites().unwrap();
    for kind in [Kind::UserCard, Kind::Sam] {
        let choice = Choice {
            preset: "rhc-2012".into(),
            cases: Vec::new(),
            destructive: true,
        };
        let plan = plan(&suites, kind, &choice);
        for trick in TRICKS {
            let ended = run(
                &plan,
                &manner(kind, 5000),
                &mut bench(trick, kind),
                &mut NoSink,
                &BTreeSet::new(),
                &mut |_, _, _| {},
            );
            match ended {
                Ok(ends) => {
                    let of = |verdict| ends.iter().filter(|end| end.verdict == verdict).count();
                    let (passed, failed) = (of(Verdict::Pass), of(Verdict::Fail));
                    assert!(failed > 0, "{trick:?} {kind:?}: nothing failed");
                    // These two are sound in all that carries no data.
                    let partly = matches!(trick, Trick::OneMore | Trick::Half);
                    assert!(
                        partly || passed * 4 < ends.len(),
                        "{trick:?} {kind:?}: {passed} of {} passed",
                        ends.len()
                    );
                }
                Err(trouble) => {
                    assert!(
                        matches!(trouble, RunError::Lost(..) | RunError::Bench(_)),
                        "{trick:?} {kind:?}: {trouble}"
                    );
                    assert!(
                        matches!(
                            trick,
                            Trick::Silent | Trick::OneByte | Trick::Resets | Trick::Half
                        ),
                        "{trick:?} {kind:?}: {trouble}"
                    );
                }
            }
        }
    }
    println!(
        "conformance: {} hostile products of each kind came to a verdict or a named trouble",
        TRICKS.len()
    );
}

fn changed(text: &str, chance: &mut Chance) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(bytes.len());
        match chance.below(4) {
            0 => bytes[at] = chance.byte() & 0x7F,
            1 => drop(bytes.remove(at)),
            2 => {
                let digits = b"0123456789{}:\"[]~<>x";
                bytes[at] = digits[chance.below(digits.len())];
            }
            _ => {
                let end = (at + chance.below(200)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = chance.below(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
    String::from_utf8(bytes).ok()
}

fn text_of(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("suites")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Case files with random changes: refused, or run within their limits.
#[test]
fn changed_suites_are_refused_or_run_within_their_limits() {
    const ROUNDS: u32 = 150;
    let mut chance = Chance::of("hostile suites", "");
    let setups = text_of("setups.toml");
    let files = ["reset", "apdu", "misc", "messaging", "rights"]
        .map(|name| text_of(&format!("user-card/{name}.toml")));
    let (mut refused, mut ran) = (0, 0);
    for _ in 0..ROUNDS {
        let original = &files[chance.below(files.len())];
        let Some(text) = changed(original, &mut chance) else {
            continue;
        };
        let source = |name: &str, text: &str| Source {
            name: name.into(),
            text: text.into(),
        };
        match load(&[
            source("setups.toml", &setups),
            source("changed.toml", &text),
        ]) {
            Err(cause) => {
                assert!(!cause.to_string().is_empty());
                refused += 1;
            }
            Ok(suites) => {
                tried(&suites);
                ran += 1;
            }
        }
    }
    println!("conformance: changed suites: {refused} refused, {ran} run");
    assert!(refused > 10 && ran > 10);
}

/// Runs some of its cases on a sound card; whatever they want, it ends.
fn tried(suites: &Suites) {
    let choice = Choice {
        preset: "rhc-2012".into(),
        cases: Vec::new(),
        destructive: true,
    };
    let mut plan = plan(suites, Kind::UserCard, &choice);
    plan.cases.truncate(20);
    let recipe = Recipe::sound(PRESETS[0], 1).unwrap();
    let mut bench = VirtualBench::sound(recipe, true).unwrap();
    // Many cases of a spoilt file may come to no verdict: that ends the run, too.
    let _ = run(
        &plan,
        &manner(Kind::UserCard, 500),
        &mut bench,
        &mut NoSink,
        &BTreeSet::new(),
        &mut |_, _, _| {},
    );
}

fn recorded(out: &Path) -> Vec<Record> {
    let done = Command::new(PROGRAM)
        .args(
            "run --suite user-card --virtual --no-pdf --seed hostile --case reset --out".split(' '),
        )
        .arg(out)
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(0));
    let mut records = Vec::new();
    chain::read(&out.join(chain::FILE), |record| records.push(record)).unwrap();
    records
}

/// Whoever signs with his own key can put anything into a record: reports of it are made or refused.
#[test]
fn signed_nonsense_is_reported_or_refused() {
    const ROUNDS: u32 = 150;
    let folder = tempfile::tempdir().unwrap();
    let records = recorded(&folder.path().join("good"));
    let signer = key::rehearsal().unwrap();
    let mut chance = Chance::of("hostile evidence", "");
    let (mut made, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        let mut records: Vec<Record> = records.clone();
        for _ in 0..=chance.below(6) {
            spoil(&mut records, &mut chance);
        }
        let out = folder.path().join(round.to_string());
        std::fs::create_dir(&out).unwrap();
        let mut writer = Writer::create(&out).unwrap();
        records.iter().for_each(|record| writer.note(record));
        let head = writer.finish().unwrap();
        match report::write(&out, &out, false) {
            Ok(_) => made += 1,
            Err(cause) => {
                assert!(!cause.to_string().is_empty());
                refused += 1;
            }
        }
        package::seal(&out, &head, &signer).unwrap();
        // Long lines are the reader's to refuse, all else is whole as it was signed.
        let whole = package::verify(&out, None);
        assert!(whole.is_ok() || refused > 0, "{whole:?}");
    }
    println!("conformance: signed nonsense: {made} reported, {refused} refused");
    assert!(made > 50);
}

/// Drops, doubles, moves a record, or puts hostile text into it.
fn spoil(records: &mut Vec<Record>, chance: &mut Chance) {
    const TEXTS: [&str; 5] = [
        "</td><script>alert(1)</script>",
        "\u{0}\u{1b}[2J\u{fffe}",
        "../../../../etc/passwd",
        "\u{202e}}\"'&<",
        "",
    ];
    if records.is_empty() {
        return;
    }
    let at = chance.below(records.len());
    match chance.below(5) {
        0 => drop(records.remove(at)),
        1 => records.push(records[at].clone()),
        2 => {
            let to = chance.below(records.len());
            records.swap(at, to);
        }
        3 => {
            let text = TEXTS[chance.below(TEXTS.len())].repeat(1 + chance.below(3000));
            records.push(Record::Trouble { what: text });
        }
        _ => {
            let text = TEXTS[chance.below(TEXTS.len())].to_owned();
            match &mut records[at] {
                Record::Case(case) => {
                    case.id.clone_from(&text);
                    case.clause = text;
                    case.attempt = u32::MAX;
                    case.at_ms = u64::MAX;
                }
                Record::Verdict(end) => {
                    end.id = text;
                    end.commands = usize::MAX;
                    end.ms = u64::MAX;
                }
                Record::X { q, a, us, .. } => {
                    *q = text;
                    *a = None;
                    *us = u64::MAX;
                }
                Record::Run(head) => {
                    head.product = text;
                    head.planned = usize::MAX;
                }
                _ => {}
            }
        }
    }
}

/// Pipes, links, folders and endless lines where files of a package should be.
#[test]
fn a_package_of_other_things_than_files_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good");
    recorded(&good);
    for name in ["signature.txt", "manifest.json", "evidence.jsonl"] {
        for how in ["pipe", "zero", "folder", "line"] {
            let out = folder.path().join(format!("{name}-{how}"));
            std::fs::create_dir(&out).unwrap();
            for item in std::fs::read_dir(&good).unwrap() {
                let item = item.unwrap();
                std::fs::copy(item.path(), out.join(item.file_name())).unwrap();
            }
            let path = out.join(name);
            std::fs::remove_file(&path).unwrap();
            match how {
                "pipe" => {
                    let made = Command::new("mkfifo").arg(&path).status().unwrap();
                    assert!(made.success());
                }
                "zero" => std::os::unix::fs::symlink("/dev/zero", &path).unwrap(),
                "folder" => std::fs::create_dir(&path).unwrap(),
                _ => std::fs::write(&path, vec![b'{'; 3 << 20]).unwrap(),
            }
            for words in [vec!["verify"], vec!["report", "--out"]] {
                let mut command = Command::new(PROGRAM);
                command.arg(words[0]).arg(&out);
                if let [_, option] = words[..] {
                    command.arg(option).arg(folder.path().join("again"));
                }
                let done = command.env("RHC_LANG", "en").output().unwrap();
                let said = String::from_utf8_lossy(&done.stderr).into_owned();
                // A report needs the record only.
                let needs = words[0] == "verify" || name == "evidence.jsonl";
                let wanted: &[Option<i32>] = if needs {
                    &[Some(3), Some(4)]
                } else {
                    &[Some(0)]
                };
                assert!(
                    wanted.contains(&done.status.code()) && !said.contains("panicked"),
                    "{name} {how} {words:?}: {:?} {said}",
                    done.status
                );
            }
        }
    }
}
