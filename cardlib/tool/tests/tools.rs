//! `tree`, `apdu`, `script`, `trace`, `watch`, `dump` and `virtual --ifd` as programs, on the real PC/SC daemon with our own
//! reader driver.
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

mod bench;
mod custodians;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use cardlib_card::profile::Profile;
use cardlib_ifd::card::Puller;
use serde_json::Value;

use bench::{Bench, CARD, SAM, USER, support, told};

fn plain(words: &[&str]) -> (Option<i32>, String, String) {
    told(&Command::new(CARD).args(words).output().unwrap())
}

#[test]
fn cards_are_talked_to_dumped_and_watched() {
    let bench = Bench::new();
    let card = bench.insert(0, support::card());
    let sam = bench.insert(1, support::sam(5));
    bench.wait(USER);
    bench.wait(SAM);
    commands_are_told(&bench);
    scripts_are_compared(&bench);
    everything_is_dumped(&bench);
    sam.pull();
    bench.insert(1, support::sam(4));
    bench.wait(SAM);
    what_the_sam_may_not_read_is_named(&bench);
    coming_and_going_is_watched(&bench, card);
    a_virtual_card_goes_into_our_own_reader(&bench);
}

#[test]
fn a_custodians_share_travels_on_a_card() {
    custodians::shares_travel_on_cards(&Bench::new());
}

fn commands_are_told(bench: &Bench) {
    let name = Profile::rhc_2012().df("DDF1").unwrap().df_name.clone();
    let select = format!(
        "00A40400{:02X}{}",
        name.as_ref().unwrap().len(),
        hex::encode(&**name.as_ref().unwrap())
    );
    let words = [
        "apdu",
        "--reader",
        USER,
        &select,
        "00A4000002EF05",
        "00B2010400",
        "0099000000",
    ];
    let (code, out, err) = bench.run(&words);
    assert_eq!(code, Some(0), "{err}");
    for wanted in [
        "factor 1122334455667788",
        "SELECT · DDF1",
        "DDF1/EF05",
        "READ RECORD · DDF1/EF05 record 1",
        "9000 done",
        "unknown command",
        "6D00 instruction unknown",
    ] {
        assert!(out.contains(wanted), "{wanted}: {out}");
    }
    assert!(!out.contains('\x1b'), "colours only on a terminal");

    let mut shell = bench.command(&["apdu", "--reader", USER]);
    let mut shell = shell
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = shell.stdin.take().unwrap();
    input
        .write_all(b"00 84 00 00 08\nnonsense\n!!\n!9\n\xFF\xFE\nhistory\nreset\nquit\n0099\n")
        .unwrap();
    drop(input);
    let (code, out, err) = told(&shell.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out.matches("GET CHALLENGE").count(), 2, "{out}");
    assert!(out.contains("   2  0084000008"), "{out}");
    assert_eq!(err.lines().count(), 3, "{err}");
    let (code, ..) = bench.run(&["apdu", "--reader", USER, "00A"]);
    assert_eq!(code, Some(2));
    let (code, ..) = bench.run(&["apdu", "--reader", "no such reader", "00840000"]);
    assert_eq!(code, Some(4));
}

fn scripts_are_compared(bench: &Bench) {
    let run = |more: &[&str]| bench.run(&[&["script", "s", "--reader", USER], more].concat());
    bench.write(
        "s",
        b"reset > 3B6C00021122334455667788*\n00 84 00 00 08 > ????????????????9000 # fresh\n",
    );
    let (code, out, err) = run(&[]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("2 steps, all as expected"), "{out}");
    bench.write("s", b"0084000008 > 6D00\n0099000000 > 6D00\n");
    let (code, out, err) = run(&[]);
    assert_eq!(code, Some(3));
    assert!(
        out.contains("expected 6D00") && err.contains("1 steps were not run"),
        "{out}{err}"
    );
    let (code, out, _) = run(&["--keep-going", "--json"]);
    assert_eq!(code, Some(3));
    let rows: Vec<Value> = out
        .lines()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect();
    assert_eq!(
        rows.iter().map(|row| row["ok"] == true).collect::<Vec<_>>(),
        [false, true]
    );
    for hostile in [
        &b"\xFF\xFF"[..],
        b"reset >",
        b"00840000 > XY",
        &[b'0'; 200_001],
    ] {
        bench.write("s", hostile);
        let (code, _, err) = run(&[]);
        assert_eq!(code, Some(3), "{err}");
        assert!(!err.contains("panicked"), "{err}");
    }
}

fn dump(bench: &Bench, more: &[&str]) -> (Option<i32>, String, String) {
    let words = [
        "dump",
        "--reader",
        USER,
        "--sam-reader",
        SAM,
        "--sam-pin-file",
        "pin",
    ];
    bench.run(&[&words, more].concat())
}

fn everything_is_dumped(bench: &Bench) {
    let (code, out, err) = dump(bench, &[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let dump: Value = serde_json::from_str(&out).unwrap();
    let files = dump["files"].as_array().unwrap();
    let paths: Vec<&str> = files
        .iter()
        .filter_map(|file| file["path"].as_str())
        .collect();
    let wanted = &Profile::rhc_2012().files;
    assert_eq!(
        paths,
        wanted
            .iter()
            .map(|file| file.path.as_str())
            .collect::<Vec<_>>()
    );
    for file in wanted.iter().filter(|file| file.layout.is_some()) {
        let told = files.iter().find(|told| told["path"] == file.path).unwrap();
        assert_eq!(told["visit"], false, "{told}");
        let digits = told["data"].as_str().map_or(0, str::len);
        assert!(digits >= 2 * 1639, "{}: {digits} digits", file.path);
    }
    assert!(
        files
            .iter()
            .all(|file| !file["data"].is_null() && file["refused"].is_null())
    );
    let number = files
        .iter()
        .flat_map(|file| file["elements"].as_array().unwrap())
        .find(|element| element["tag"] == 15)
        .unwrap();
    assert_eq!(number["value"], support::NUMBER);
    assert_eq!(
        (&dump["sam"]["type"], &dump["authenticated"]),
        (&5.into(), &true.into())
    );

    let (code, out, _) = dump_to(bench);
    assert_eq!((code, out.as_str()), (Some(0), ""));
    let kept = bench.folder.path().join("card.json");
    let mode = std::fs::metadata(&kept).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        dump_to(bench).0,
        Some(4),
        "a file that exists is not overwritten"
    );
    bench.write("pin", b"000000");
    let (code, _, err) = self::dump(bench, &[]);
    assert_eq!(code, Some(3));
    assert!(err.contains("PIN is wrong"), "{err}");
    bench.write("pin", b"123456");
}

fn dump_to(bench: &Bench) -> (Option<i32>, String, String) {
    dump(bench, &["--out", "card.json"])
}

fn what_the_sam_may_not_read_is_named(bench: &Bench) {
    let (code, out, err) = dump(bench, &[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let dump: Value = serde_json::from_str(&out).unwrap();
    let files = dump["files"].as_array().unwrap();
    let refused = files
        .iter()
        .filter(|file| !file["refused"].is_null())
        .count();
    assert!(refused > 0 && refused < files.len(), "{refused}: {out}");
}

fn coming_and_going_is_watched(bench: &Bench, card: Puller) {
    let mut watch = bench.command(&["watch", "--seconds", "3", "--json"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut rows = lines.map(|row| serde_json::from_str::<Value>(&row.unwrap()).unwrap());
    let mut until = |event: &str| {
        let found = rows.find(|row| row["reader"] == USER && row["event"] == event);
        found.unwrap_or_else(|| panic!("no {event} was told"))
    };
    until("reader");
    let seen = until("card");
    assert!(
        seen["card"].as_str().unwrap().contains("1122334455667788"),
        "{seen}"
    );
    card.pull();
    until("empty");
    let puller = bench.insert(0, support::card());
    until("card");
    puller.pull();
    until("empty");
    assert!(watch.wait().unwrap().success());
}

fn a_virtual_card_goes_into_our_own_reader(bench: &Bench) {
    let place = bench.daemon.places(4).swap_remove(2);
    let socket = place.socket.to_str().unwrap();
    let words = [
        "virtual",
        "user",
        "--ifd",
        socket,
        "--factor",
        "AABBCCDD00112233",
        "--fault",
        "pull-at:3",
    ];
    let mut virtual_card = bench.command(&words);
    let mut child = virtual_card
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(
        first.contains("AABBCCDD00112233") && first.contains("life cycle 01"),
        "{first}"
    );
    bench.wait(&place.name);
    let (code, out, _) = bench.run(&["info", "--reader", &place.name]);
    assert!(code == Some(0) && out.contains("blank"), "{out}");
    let words = [
        "apdu",
        "--reader",
        &place.name,
        "0084000008",
        "0084000008",
        "0084000008",
    ];
    let (code, out, err) = bench.run(&words);
    assert_eq!(code, Some(4), "{out}{err}");
    let (code, _, err) = told(&child.wait_with_output().unwrap());
    assert_eq!(code, Some(0));
    assert!(err.contains("pulled, as ordered"), "{err}");
    let (code, ..) = bench.run(&["virtual", "user", "--ifd", socket, "--vpcd", "127.0.0.1:1"]);
    assert_eq!(code, Some(2));
    let (code, ..) = bench.run(&["virtual", "user"]);
    assert_eq!(code, Some(2));
}

#[test]
fn the_tree_is_the_profiles() {
    let (code, out, _) = plain(&["tree", "--json", "--keys"]);
    assert_eq!(code, Some(0));
    let tree: Value = serde_json::from_str(&out).unwrap();
    let directories = tree["directories"].as_array().unwrap();
    let profile = Profile::rhc_2012();
    let count = |member: &str| -> usize {
        directories
            .iter()
            .map(|df| df[member].as_array().unwrap().len())
            .sum()
    };
    assert_eq!(
        (count("files"), count("keys")),
        (profile.files.len(), profile.keys.len())
    );
    let (code, out, _) = plain(&["tree", "DDF1"]);
    assert!(
        code == Some(0)
            && out.contains("EF05")
            && out.contains("read free")
            && !out.contains("DF02"),
        "{out}"
    );
    let (code, _, err) = plain(&["tree", "DF99"]);
    assert!(code == Some(2) && err.contains("DDF1"), "{err}");
    let chinese = Command::new(CARD)
        .arg("tree")
        .env("RHC_LANG", "zh")
        .output()
        .unwrap();
    assert!(told(&chinese).1.contains("读 自由"));
}

#[test]
fn conversations_and_logs_are_told_and_other_files_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    let trace = |bytes: &[u8], more: &[&str]| {
        std::fs::write(&path, bytes).unwrap();
        plain(&[&["trace", path.to_str().unwrap()], more].concat())
    };
    let conversation = b"# desk\ncard atr 3B6C00021122334455667788545401 07\n";
    assert_eq!(trace(conversation, &[]).0, Some(3), "a stray word");
    let conversation = "card atr 3B6C0002112233445566778854540107\nsam 0020000003123456 > 9000\ncard 0084000008 > -\n";
    let (code, out, err) = trace(conversation.as_bytes(), &[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(
        out.contains("factor 1122334455667788") && out.contains("active"),
        "{out}"
    );
    assert!(
        out.contains("VERIFY PIN · PIN not shown") && !out.contains("123456"),
        "{out}"
    );
    assert!(out.contains("no answer came"), "{out}");
    let log = b"00000010 APDU: 00 84 00 00 08\n00001234 SW: 11 22 33 44 55 66 77 88 90 00\n";
    let (code, out, _) = trace(log, &["--json"]);
    let row: Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!(
        (code, &row["status"], &row["line"]),
        (Some(0), &"9000".into(), &2.into())
    );
    for hostile in [&b"\x00\xFF"[..], b"card", b"card 00 > 9", b"<html>"] {
        let (code, _, err) = trace(hostile, &[]);
        assert_eq!(code, Some(3), "{err}");
        assert!(!err.contains("panicked"), "{err}");
    }
    let gone = Path::new("/nonexistent/trace");
    assert_eq!(plain(&["trace", gone.to_str().unwrap()]).0, Some(4));
}
