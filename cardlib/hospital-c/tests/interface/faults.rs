//! Every fault of the page's table gives the code that stands there.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use cardlib_card::content::CardContent;
use cardlib_card::profile::KeyInstance;
use cardlib_ifd::card::Fault;
use cardlib_reader::inprocess::{InProcess, Signal};
use cardlib_sim::{Chip, Random, SamCard, UserCard, VirtualCard};
use cardlib_terminal::Desk;
use cardlib_terminal::blocking::Term;

use crate::stand::{Counter, mode};
use crate::support::{Papers, card, card_with, content, pin, profile, sam, sam_with, today};
use crate::{page, program};

/// Name and code of each row `| fault | … | code |` of the page's table of faults.
fn table() -> Vec<(String, i32)> {
    let page = page::page();
    let (_, table) = page.split_once("| fault |").expect("the table of faults");
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .map(|cells| {
            let code = cells[cells.len() - 2].parse().expect("a code");
            (cells[1].trim_matches('`').to_owned(), code)
        })
        .collect()
}

#[test]
fn every_fault_of_the_page_gives_its_code() {
    let counter = Counter::new(2);
    let program = program::of_tests("faults.c", counter.folder());
    let table = table();
    assert!(table.len() >= 25, "{} faults", table.len());
    // Most faults leave card and SAM as they were: those meet the same two.
    let (plain, special): (Vec<_>, Vec<_>) = table
        .into_iter()
        .partition(|(fault, _)| !SPECIAL.contains(&fault.as_str()));
    let check = |(fault, code): (String, i32), told: String| {
        let (number, why) = told.split_once('\n').expect("code and sentence");
        assert_eq!(number.parse(), Ok(code), "{fault}: {why}");
        assert!(why.starts_with(number) && why.len() > 20, "{fault}: {why}");
    };
    {
        let _chips = (counter.insert(0, card()), counter.insert(1, sam(5)));
        for row in plain {
            stage(&counter, &row.0);
            let told = program::run(counter.client(&program).arg(&row.0));
            check(row, told);
        }
    }
    for row in special {
        let told = met(&counter, &program, &row.0);
        check(row, told);
    }
}

/// Faults that need a stage of their own, or leave something behind.
const SPECIAL: &[&str] = &[
    "no-service",
    "no-reader",
    "open-configuration",
    "closed-handle",
    "no-card",
    "pulled-card",
    "another-card",
    "silent-card",
    "expired-card",
    "blocked-application",
    "no-sam",
    "blocked-pin",
    "sam-of-type-1",
    "sam-of-type-4",
    "other-province",
    "forged-card",
    "place-taken",
    "office-refuses",
];

/// Sets the stage for a special fault and has the program meet it.
fn met(counter: &Counter, program: &Path, fault: &str) -> String {
    stage(counter, fault);
    let put = |chip: UserCard| counter.insert_faulty(0, chip, at_command(fault));
    let chip = match fault {
        "no-service" | "no-reader" | "open-configuration" | "closed-handle" | "no-card" => None,
        "forged-card" => Some(put(card_with(&content(), 1, 1))),
        "expired-card" => Some(put(card_with(&expired(), 0, 1))),
        "blocked-application" => Some(put(blocked())),
        _ => Some(put(card())),
    };
    let sam = sam_for(fault).filter(|_| chip.is_some());
    let _sam = sam.map(|sam| counter.insert(1, sam));
    let mut command = counter.client(program);
    command.arg(fault);
    match fault {
        "no-service" => {
            let (name, _) = counter.daemon.environment();
            program::run(command.env(name, "/nonexistent/pcscd.comm"))
        }
        "another-card" => swapped(&mut command, || {
            drop(chip);
            Some(counter.insert(0, stranger()))
        }),
        _ => program::run(&mut command),
    }
}

/// Configuration and PIN file as the fault wants them.
fn stage(counter: &Counter, fault: &str) {
    let pin = counter.secret("pin", "123456\n");
    let foreign = Papers {
        province: "42",
        ..Papers::default()
    };
    counter.secret("other.cert", "");
    std::fs::write(counter.folder().join("other.cert"), foreign.issuer()).expect("write");
    let lines = match fault {
        "no-pin" => "",
        "silent-card" => "pin_file = \"pin\"\nlimit_ms = 500\n",
        "no-reader" => "pin_file = \"pin\"\ntest = \"no such reader\"\n",
        "office-refuses" => "pin_file = \"pin\"\nissuers = [\"other.cert\"]\n",
        _ => "pin_file = \"pin\"\n",
    };
    counter.configure(&|_| lines.into());
    if fault == "pin-file-open" {
        mode(&pin, 0o640);
    }
    if fault == "open-configuration" {
        mode(&counter.folder().join("rhc_reader.toml"), 0o644);
    }
}

fn at_command(fault: &str) -> Option<(u64, Fault)> {
    match fault {
        "pulled-card" => Some((20, Fault::PullAt)),
        "silent-card" => Some((5, Fault::Silent)),
        _ => None,
    }
}

fn sam_for(fault: &str) -> Option<SamCard> {
    match fault {
        "no-sam" => None,
        "sam-of-type-1" => Some(sam(1)),
        "sam-of-type-4" => Some(sam(4)),
        "other-province" => Some(sam_with(
            5,
            &Papers {
                province: "42",
                ..Papers::default()
            },
        )),
        _ => Some(sam(5)),
    }
}

fn expired() -> CardContent {
    let mut content = content();
    content.set_text(profile(), 7, "20200101").expect("fits");
    content
}

/// A card whose basic-health application is blocked for a time.
fn blocked() -> UserCard {
    let mut chip = card();
    let mut powered = InProcess::new(|signal: Signal<'_>| match signal {
        Signal::Reset => chip.reset(),
        Signal::Command(command) => chip.handle(command),
    });
    let (mut sam, pin) = (crate::support::powered(sam(5)), pin());
    Desk::new(profile(), &mut powered, &mut sam, &pin, today())
        .maintain(|session| session.block_application("DF02", Term::Temporary))
        .expect("blocked");
    drop(powered);
    chip
}

/// An active card of somebody else.
fn stranger() -> UserCard {
    let key = |_: KeyInstance<'_>| [7; 16];
    let chip = Chip::test(profile(), [0x99; 8]);
    UserCard::minted(profile(), chip, &content(), key, Random::from_seed(Some(9))).expect("minted")
}

/// Runs a program that says "ready", changes something, and lets it go on.
fn swapped<T>(command: &mut Command, change: impl FnOnce() -> T) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    let _changed = change();
    let mut input = child.stdin.take().expect("piped");
    input.write_all(b"\n").expect("goes on");
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).expect("to its end");
    assert!(child.wait().expect("ends").success());
    program::text(&rest)
}
