//! The record under attack by somebody who writes the database as they like: what the seals, the checkpoints and the
//! witness each notice. The attacker's tool is Python with its own SM3; nothing of ours helps it.

use super::house::{House, json};

/// Re-makes the plain chain from a row on, as somebody with the file and no HSM would.
const RECHAIN: &str = r#"
import hashlib, sqlite3, sys
path, first, change = sys.argv[1], int(sys.argv[2]), sys.argv[3]
db = sqlite3.connect(path)
for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
    db.execute(f"DROP TRIGGER {name}")
db.executescript(change)
prev = db.execute("SELECT hash FROM audit WHERE seq = ?", (first - 1,)).fetchone()[0]
for row in db.execute("SELECT seq, refers, at, phase, actor, act, object, detail, outcome FROM audit WHERE seq >= ? ORDER BY seq", (first,)).fetchall():
    h = hashlib.new("sm3", b"rhc-audit-1" + prev)
    h.update(row[0].to_bytes(8, "big") + (row[1] or 0).to_bytes(8, "big"))
    for text in row[2:]:
        t = text.encode()
        h.update(len(t).to_bytes(8, "big") + t)
    db.execute("UPDATE audit SET prev = ?, hash = ? WHERE seq = ?", (prev, h.digest(), row[0]))
    prev = h.digest()
db.commit()
"#;

/// A province whose ministry has seen its record; both have audit keys.
pub fn witnessed() -> House {
    let mut house = House::new();
    for (tier, area, name) in [("ministry", "", "0"), ("province", "41", "41")] {
        house.start_hsm(name, "test");
        house.init(tier, area, name, "test", true).ok();
        house
            .signed_line(&format!("audit keys --store kms-{name}"))
            .ok();
    }
    see(&house, true);
    house
}

/// Province to ministry and back; with fingerprints when it is the first time.
pub fn see(house: &House, first: bool) {
    let print = |at: &str| {
        let told = house
            .line(&format!(
                "audit checkpoint --store kms-{at} --out cp-{at}.json --json"
            ))
            .ok();
        let print = json(&told.out)["fingerprint"].as_str().unwrap().to_owned();
        if first {
            format!(" --fingerprint {print}")
        } else {
            String::new()
        }
    };
    let (lower, upper) = (print("41"), print("0"));
    house
        .line(&format!(
            "audit countersign --store kms-0 cp-41.json --out seen.json --by sun{lower}"
        ))
        .ok();
    house
        .line(&format!(
            "audit countersigned --store kms-41 seen.json --by wang{upper}"
        ))
        .ok();
}

fn work(house: &House, times: usize) {
    for n in 0..times {
        let id = format!("w{}-{n}", uuid::Uuid::new_v4().simple());
        house
            .line(&format!(
                "ticket request --store kms-41 --kind card --quantity 1 --by wang --id {id}"
            ))
            .ok();
    }
}

fn verify(house: &House, more: &str) -> super::house::Ran {
    house.line(&format!("audit verify --store kms-41 --json{more}"))
}

#[test]
fn a_witnessed_record_verifies_and_its_key_must_be_compared() {
    let house = witnessed();
    work(&house, 2);
    house
        .line("audit witnessed --store kms-0 --tier province_41 --out word.json")
        .refused("not-known-here");
    house
        .kms(&[
            "audit",
            "witnessed",
            "--store",
            "kms-0",
            "--tier",
            "province 41",
            "--out",
            "word.json",
        ])
        .ok();
    let told = json(&verify(&house, " --word word.json").ok().out);
    assert_eq!(told["checkpoints"], 1);
    assert_eq!(told["countersignatures"], 1);
    assert!(told["seals"].as_i64().unwrap() > 2, "{told}");
    assert_eq!(told["epoch"], 1);
    // Somebody else's key under the same name, and nothing compared.
    house
        .line("audit checkpoint --store kms-41 --out cp-41.json")
        .ok();
    let text = std::fs::read_to_string(house.path("cp-41.json")).unwrap();
    let key = json(&text)["key"].as_str().unwrap().to_owned();
    let other = text.replace(&key, &key.chars().rev().collect::<String>());
    std::fs::write(house.path("other.json"), other).unwrap();
    for more in ["", " --fingerprint 00112233445566778899AABBCCDDEEFF"] {
        let ran = house.line(&format!(
            "audit countersign --store kms-0 other.json --out x.json --by sun{more}"
        ));
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(!house.path("x.json").exists());
    }
}

/// A copy of the province's database, with what stands in its log.
fn keep(house: &House, to: &std::path::Path) {
    house.query("41", "SELECT 'the last to close it writes the log back'");
    std::fs::copy(house.path("kms-41/kms.sqlite"), to).unwrap();
}

fn put(house: &House, from: &std::path::Path) {
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(house.path(&format!("kms-41/kms.sqlite{end}")));
    }
    std::fs::copy(from, house.path("kms-41/kms.sqlite")).unwrap();
}

/// Changed, reordered, cut, put back: each is noticed, by what can notice it.
#[test]
fn a_record_that_was_bent_is_found_out() {
    let house = witnessed();
    work(&house, 2);
    let file = house.path("kms-41/kms.sqlite");
    let old = house.path("old.sqlite");
    keep(&house, &old);
    work(&house, 2);
    see(&house, false);
    work(&house, 2);
    house
        .kms(&[
            "audit",
            "witnessed",
            "--store",
            "kms-0",
            "--tier",
            "province 41",
            "--out",
            "word.json",
        ])
        .ok();
    verify(&house, " --word word.json").ok();
    let good = house.path("good.sqlite");
    keep(&house, &good);
    let last: i64 = house
        .query("41", "SELECT CAST(max(seq) AS TEXT) FROM audit")
        .parse()
        .unwrap();
    let bend = |first: i64, change: &str| {
        put(&house, &good);
        std::fs::write(house.path("rechain.py"), RECHAIN).unwrap();
        let first = first.to_string();
        let ran = std::process::Command::new("python3")
            .arg(house.path("rechain.py"))
            .args([file.to_str().unwrap(), &first, change])
            .status()
            .unwrap();
        assert!(ran.success(), "{change}");
    };
    let wrong = |more: &str, said: &str| {
        let ran = verify(&house, more);
        assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
        assert!(
            ran.err.contains("(audit-broken)") && ran.err.contains(said),
            "{said}: {}",
            ran.err
        );
    };
    // Under a checkpoint: its signature tells, also without the HSM.
    bend(6, "UPDATE audit SET actor = 'somebody' WHERE seq = 6");
    wrong(" --without-hsm", "checkpoint 1");
    // Behind the last checkpoint: the seal tells.
    let late = last - 1;
    bend(
        late,
        &format!("UPDATE audit SET object = 'something' WHERE seq = {late}"),
    );
    wrong("", "seal over row");
    verify(&house, " --without-hsm").ok();
    // Two rows exchanged, chain made anew.
    bend(
        6,
        "UPDATE audit SET seq = -6 WHERE seq = 6; UPDATE audit SET seq = 6 WHERE seq = 7; UPDATE audit SET seq = 7 WHERE seq = -6",
    );
    wrong("", "checkpoint 1");
    // The end cut, and every trace of it behind: consistent in itself, but the witness knows better.
    let seen: i64 = house
        .query("41", "SELECT CAST(max(number) AS TEXT) FROM checkpoint")
        .parse()
        .unwrap();
    assert_eq!(seen, 2);
    let cut = "DELETE FROM countersignature WHERE number = 2; DELETE FROM checkpoint WHERE number = 2;
               CREATE TEMP TABLE cut AS SELECT max(seq) AS row FROM audit_seal 
               WHERE seq <= (SELECT min(seq) + 4 FROM audit WHERE act = 'audit.countersigned');
               DELETE FROM audit_seal WHERE seq > (SELECT row FROM cut); DELETE FROM audit WHERE seq > (SELECT row FROM cut)";
    bend(6, cut);
    verify(&house, "").ok();
    wrong(" --word word.json", "old copy was put back");
    // A whole old copy, good in every respect but its age; and the witness countersigns nothing that goes on from it.
    put(&house, &old);
    verify(&house, "").ok();
    wrong(" --word word.json", "old copy was put back");
    work(&house, 1);
    house
        .line("audit checkpoint --store kms-41 --out cp-41.json")
        .ok();
    house
        .line("audit countersign --store kms-0 cp-41.json --out x.json --by sun")
        .refused("rolled-back");
}
