//! Custodians' cards in the real PC/SC daemon: a share goes in and comes out behind the PIN, a wrong PIN, a blocked card,
//! another's card and a card pulled at every command give the old share or the new one, never a half.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::bench::Bench;

const READER: &str = "RHC Reader 03 00";

/// What `rhc-hsm` writes, as far as a carrier looks at it; `sealed` is opaque.
fn share(custodian: &str, fill: &str) -> String {
    format!(
        r#"{{"label":{{"custodian":"{custodian}","number":1}},"sealed":"{}"}}"#,
        fill.repeat(300)
    )
}

struct Desk<'a>(&'a Bench);

/// A card in the reader: a process of its own, ended when dropped.
struct Inserted(Child);

impl Drop for Inserted {
    fn drop(&mut self) {
        // It may have ended by itself: pulled, as ordered.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Desk<'_> {
    fn secret(&self, name: &str, text: &str) {
        self.0.write(name, text.as_bytes());
        let path = self.path(name);
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.folder.path().join(name)
    }

    fn insert(&self, state: &str, more: &[&str]) -> Inserted {
        let place = self.0.daemon.places(4).swap_remove(3);
        let child = self
            .0
            .command(&["virtual", "custodian", "--state", state, "--ifd"])
            .arg(&place.socket)
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let inserted = Inserted(child);
        self.until("\"present\"");
        inserted
    }

    fn take_out(&self, card: Inserted) {
        drop(card);
        self.until("\"empty\"");
    }

    fn until(&self, wanted: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let (_, out, _) = self.0.run(&["readers", "--json"]);
            let rows: serde_json::Value = serde_json::from_str(&out).unwrap();
            if format!("{}", rows["readers"][3]["card"]) == wanted {
                return;
            }
            assert!(Instant::now() < deadline, "{wanted}: {out}");
        }
    }

    fn act(&self, words: &[&str]) -> (Option<i32>, String) {
        let all = [&["custodian"], words, &["--reader", READER]].concat();
        let (code, out, err) = self.0.run(&all);
        (code, out + &err)
    }

    fn put(&self, share: &str, more: &[&str]) -> (Option<i32>, String) {
        self.act(&[&["put", "--pin-file", "own", "--share", share], more].concat())
    }

    fn get(&self, custodian: &str, pin: &str) -> (Option<i32>, String) {
        let _ = std::fs::remove_file(self.path("got"));
        self.act(&[
            "get",
            "--custodian",
            custodian,
            "--pin-file",
            pin,
            "--out",
            "got",
        ])
    }

    fn got(&self) -> String {
        std::fs::read_to_string(self.path("got")).unwrap()
    }
}

pub fn shares_travel_on_cards(bench: &Bench) {
    let desk = Desk(bench);
    desk.secret("transport", "000000\n");
    desk.secret("own", "13572468\n");
    desk.secret("other", "111111\n");
    desk.secret("one.share", &share("chen", "A1"));
    desk.secret("two.share", &share("chen", "B2"));
    desk.secret("wei.share", &share("wei", "C3"));
    let card = desk.insert("chen.card", &[]);
    let (code, said) = desk.put("one.share", &[]);
    assert!(code == Some(3) && said.contains("\"chen\""), "{said}");
    let format = ["format", "--custodian", "chen", "--pin-file", "own"];
    let (code, said) = desk.act(&[&format[..], &["--transport-pin-file", "transport"]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(desk.put("one.share", &[]).0, Some(0));
    assert_eq!(desk.get("chen", "own").0, Some(0));
    assert_eq!(desk.got(), share("chen", "A1"));
    let mode = std::fs::metadata(desk.path("got")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    another_custodian_costs_no_try(&desk);
    nothing_is_read_without_the_pin(&desk);
    let (code, said) = desk.put("two.share", &[]);
    assert!(code == Some(3) && said.contains("--replace"), "{said}");
    desk.take_out(card);
    pulled_at_every_command(&desk);
    three_wrong_pins_block(&desk);
}

fn another_custodian_costs_no_try(desk: &Desk<'_>) {
    for _ in 0..4 {
        let (code, said) = desk.get("wei", "other");
        assert!(
            code == Some(3) && said.contains("no PIN was tried"),
            "{said}"
        );
        assert_eq!(desk.put("wei.share", &[]).0, Some(3));
    }
    let (_, out) = desk.act(&["info", "--json"]);
    assert_eq!(out.trim(), r#"{"custodian":"chen","pin_tries":3}"#);
}

/// Hand-written commands, not those of the tool.
fn nothing_is_read_without_the_pin(desk: &Desk<'_>) {
    let (code, out, _) = desk.0.run(&[
        "apdu",
        "--json",
        "--reader",
        READER,
        "00A4040C08F052484343555354",
        "00A4020C020002",
        "00B0000010",
        "00D600000100",
        "00A4020C020001",
        "00B0000004",
    ]);
    assert_eq!(code, Some(0));
    let answers: Vec<String> = out
        .lines()
        .filter_map(|row| {
            let row: serde_json::Value = serde_json::from_str(row).unwrap();
            row["response"].as_str().map(str::to_owned)
        })
        .collect();
    assert_eq!(
        answers,
        ["9000", "9000", "6982", "6982", "9000", "6368656E9000"],
        "chen is free to read, the rest is not"
    );
}

/// The put of a second share, cut off at its first, second, … command, until one goes through; each time the share that is
/// there afterwards is whole.
fn pulled_at_every_command(desk: &Desk<'_>) {
    let whole = [share("chen", "A1"), share("chen", "B2")];
    std::fs::copy(desk.path("chen.card"), desk.path("before.card")).unwrap();
    let mut seen = [0, 0];
    for at in 1..200 {
        let kind = if at % 2 == 0 { "pull-at" } else { "pull-after" };
        std::fs::copy(desk.path("before.card"), desk.path("torn.card")).unwrap();
        let card = desk.insert("torn.card", &["--fault", &format!("{kind}:{at}")]);
        let (code, said) = desk.put("two.share", &["--replace"]);
        desk.take_out(card);
        let card = desk.insert("torn.card", &[]);
        assert_eq!(desk.get("chen", "own").0, Some(0), "after {kind}:{at}");
        let now = desk.got();
        let which = whole.iter().position(|share| *share == now);
        seen[which.expect("the old share or the new one")] += 1;
        if code == Some(0) {
            desk.take_out(card);
            assert_eq!(which, Some(1));
            assert!(seen[0] > 5 && seen[1] > 5, "{seen:?}");
            return;
        }
        assert_eq!(code, Some(4), "{kind}:{at}: {said}");
        // Done again it ends well.
        if at % 9 == 0 {
            assert_eq!(desk.put("two.share", &["--replace"]).0, Some(0));
            assert_eq!(desk.get("chen", "own").0, Some(0));
            assert_eq!(desk.got(), whole[1]);
        }
        desk.take_out(card);
    }
    panic!("a put has fewer than 200 commands");
}

fn three_wrong_pins_block(desk: &Desk<'_>) {
    let card = desk.insert("chen.card", &[]);
    for left in ["tries left: 2", "tries left: 1", "blocked for ever"] {
        let (code, said) = desk.get("chen", "other");
        assert!(code == Some(3) && said.contains(left), "{left}: {said}");
    }
    // Neither the right PIN nor a reset nor power helps.
    desk.take_out(card);
    let card = desk.insert("chen.card", &[]);
    assert!(desk.get("chen", "own").1.contains("blocked for ever"));
    assert!(desk.put("one.share", &[]).1.contains("blocked for ever"));
    desk.take_out(card);
}
