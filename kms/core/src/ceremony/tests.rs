//! Files that must be refused, and transcripts changed in any byte. The HSM here is a key pair of the test's.

use cardlib_card::cert::Mark;
use cardlib_card::gm::sm2::SigningKey;
use cardlib_card::profile::Profile;

use super::transcript::{Body, Done, FORMAT, KeyResult, Machine};
use super::*;
use crate::approval::{self, Officer, OfficerSignature};
use crate::port::Seal;

const GOOD: &str = r#"
format = "rhc-ceremony-1"
title = "Root keys"
tier = "ministry"
area = ""
mark = "DEMO"
rehearsal = false
hsm = "{HSM}"
author = "wang"
officers = ["zhao", "qian"]
witnesses = ["sun"]

[[keys]]
ids = ["RK1_DDF1/1"]
source = "components"
custodians = ["chen", "chu"]

[[keys]]
ids = ["*"]
source = "hsm"

[backup]
keys = ["*"]
threshold = 3
custodians = ["chen", "chu", "wei", "jiang", "shen"]
"#;

fn good() -> String {
    GOOD.replace("{HSM}", &"AB".repeat(32))
}

fn refused(text: &str) -> String {
    match Ceremony::parse(text.as_bytes()) {
        Ok(_) => "taken".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_a_ceremony_file_must_not_say_is_refused_by_name() {
    assert!(Ceremony::parse(good().as_bytes()).is_ok());
    for (from, to, expected) in [
        ("rhc-ceremony-1", "rhc-ceremony-2", "ceremony-sense: format"),
        ("title = \"Root keys\"", "", "ceremony-form: missing field"),
        (
            "title = \"Root keys\"",
            "title = \" \"",
            "ceremony-sense: title",
        ),
        ("witnesses", "witneses", "ceremony-form: unknown field"),
        ("\"ministry\"", "\"village\"", "ceremony-sense"),
        ("area = \"\"", "area = \"41\"", "ceremony-sense"),
        ("\"DEMO\"", "\"SECRET\"", "ceremony-form"),
        ("\"DEMO\"", "\"TEST\"", "ceremony-rehearsal"),
        (
            "rehearsal = false",
            "rehearsal = true",
            "ceremony-rehearsal",
        ),
        ("ABAB", "XYAB", "ceremony-sense: hsm"),
        ("ABAB", "AB", "ceremony-sense: hsm"),
        (
            "author = \"wang\"",
            "author = \"\"",
            "ceremony-sense: title and author",
        ),
        (
            "author = \"wang\"",
            "author = \" Zhao\"",
            "ceremony-sense: the author",
        ),
        (
            "[\"zhao\", \"qian\"]",
            "[\"zhao\"]",
            "ceremony-sense: two different",
        ),
        (
            "[\"zhao\", \"qian\"]",
            "[\"zhao\", \"ZHAO \"]",
            "ceremony-sense: two different",
        ),
        (
            "[\"chen\", \"chu\"]\n\n",
            "[\"chen\"]\n\n",
            "ceremony-sense: components",
        ),
        (
            "[\"chen\", \"chu\"]\n\n",
            "[\"chen\", \"Chen\"]\n\n",
            "ceremony-sense: components",
        ),
        (
            "source = \"components\"",
            "source = \"hsm\"",
            "ceremony-sense: custodians",
        ),
        (
            "source = \"hsm\"",
            "source = \"test-formula\"",
            "ceremony-test-keys",
        ),
        ("source = \"hsm\"", "source = \"thin-air\"", "ceremony-form"),
        ("ids = [\"*\"]", "ids = []", "ceremony-sense: each key"),
        (
            "ids = [\"*\"]",
            "ids = [\"RK1_DDF1/1\"]",
            "ceremony-sense: each key",
        ),
        (
            "threshold = 3",
            "threshold = 1",
            "ceremony-sense: the threshold",
        ),
        (
            "threshold = 3",
            "threshold = 6",
            "ceremony-sense: the threshold",
        ),
        (
            "threshold = 3",
            "threshold = 3\nmemory-kib = 8192",
            "ceremony-sense: memory-kib",
        ),
        (
            "\"wei\", \"jiang\"",
            "\"wei\", \"wei\"",
            "ceremony-sense: a back-up has",
        ),
        ("keys = [\"*\"]", "keys = []", "ceremony-sense: backup.keys"),
    ] {
        let text = good().replacen(from, to, 1);
        assert_ne!(text, good(), "{from} is in the file");
        let said = refused(&text);
        assert!(said.starts_with(expected), "{from} → {to}: {said}");
    }
    for (more, expected) in [
        (
            "[restore]\nbackup = \"00\"\ncustodians = [\"a\", \"b\"]\n",
            "ceremony-sense: make",
        ),
        (
            "[[destroy]]\nid = \"X\"\ncheck-value = \"000000\"\nreason = \"r\"\n",
            "ceremony-sense: make",
        ),
        (
            "[[makers]]\nvendor = \"5454\"\nproduct = \"P\"\n",
            "ceremony-test-keys",
        ),
        (
            "[[makers]]\nvendor = \"54\"\nproduct = \"P\"\n",
            "ceremony-sense: a maker",
        ),
    ] {
        let said = refused(&(good() + more));
        assert!(said.starts_with(expected), "{more}: {said}");
    }
    let nothing = good()
        .split("[[keys]]")
        .next()
        .map(str::to_owned)
        .unwrap_or_default();
    assert!(refused(&nothing).starts_with("ceremony-sense: it does nothing"));
    assert!(refused("\u{0}").starts_with("ceremony-form"));
    assert!(Ceremony::parse(&[0xFF, 0xFE]).is_err());
}

#[test]
fn steps_name_only_keys_that_are_born_here() {
    let profile = Profile::named("rhc-2012").expect("the profile");
    let steps = |text: &str| {
        let ceremony = Ceremony::parse(text.as_bytes()).expect("a file");
        ceremony.steps(profile)
    };
    let names = |steps: &[Step]| -> Vec<&'static str> {
        steps.iter().map(|step| step.deed.name()).collect()
    };
    let made = steps(&good()).expect("steps");
    assert_eq!(names(&made), ["policy", "combine", "generate", "back-up"]);
    // 41 roots of the ministry, one of them from components.
    assert!(matches!(&made[2].deed, Deed::Generate(keys) if keys.len() == 40));
    assert!(matches!(&made[3].deed, Deed::BackUp(ids) if ids.len() == 41));
    let strange = good().replace("RK1_DDF1/1", "CVK/0");
    assert_eq!(steps(&strange), Err(CeremonyError::Key("CVK/0".into())));
    let pair = good().replace("RK1_DDF1/1", "SM2_ROOT/0");
    assert!(matches!(steps(&pair), Err(CeremonyError::Sense(_))));
}

struct Room {
    hsm: SigningKey,
    zhao: SigningKey,
    qian: SigningKey,
}

impl Room {
    fn new() -> Self {
        let key = |label: &str| SigningKey::from_label(label.as_bytes()).expect("a key");
        Self {
            hsm: key("hsm"),
            zhao: key("zhao"),
            qian: key("qian"),
        }
    }

    fn machine(&self) -> Machine {
        let key = self.hsm.verifying_key().to_bytes();
        Machine {
            fingerprint: digest(&[key, key].concat()),
            signing_key: key,
            encryption_key: key,
            simulator: true,
        }
    }

    fn both(&self, statement: &str) -> Vec<OfficerSignature> {
        [("zhao", &self.zhao), ("qian", &self.qian)]
            .map(|(name, key)| approval::sign(statement.as_bytes(), name, key).expect("signed"))
            .into()
    }

    fn body(&self, number: u64, previous: [u8; 32]) -> Body {
        let hsm = hex::encode_upper(self.machine().fingerprint);
        let file = GOOD.replace("{HSM}", &hsm);
        let ceremony = digest(file.as_bytes());
        let officer = |name: &str, key: &SigningKey| Officer {
            name: name.to_owned(),
            public_key: key.verifying_key().to_bytes(),
        };
        Body {
            format: FORMAT.to_owned(),
            number,
            previous,
            ceremony,
            file,
            reviews: self.both(&review_statement(&ceremony)),
            profile: "rhc-2012".to_owned(),
            hsm: self.machine(),
            officers: vec![officer("zhao", &self.zhao), officer("qian", &self.qian)],
            began: "2027-01-01T00:00:00Z".to_owned(),
            ended: "2027-01-01T01:00:00Z".to_owned(),
            outcome: "complete".to_owned(),
            steps: vec![Done {
                number: 1,
                deed: "generate".to_owned(),
                object: "1 keys".to_owned(),
                at: "2027-01-01T00:30:00Z".to_owned(),
                officers: "zhao,qian".to_owned(),
                keys: vec![KeyResult {
                    id: "RK1_DDF1/1".to_owned(),
                    check_value: "ABCDEF".to_owned(),
                    public_key: None,
                }],
                files: vec![],
            }],
        }
    }

    fn sealed(&self, body: &Body) -> String {
        let text = body.to_text().expect("text");
        let name = digest(text.as_bytes());
        let upper = |bytes: &[u8; 32]| hex::encode_upper(bytes);
        let said = serde_json::json!({
            "format": "rhc-hsm-seal-1", "hsm": upper(&body.hsm.fingerprint), "mark": Mark::Demo, "number": body.number,
            "previous": upper(&body.previous), "ceremony": upper(&body.ceremony), "transcript": upper(&name), "time": 1,
        })
        .to_string();
        let transcript = Transcript {
            signatures: self.both(&transcript_statement(&name)),
            seal: Seal {
                signature: self.hsm.sign_message(said.as_bytes()).expect("signed"),
                text: said,
            },
            body: text,
        };
        transcript.to_text().expect("text")
    }
}

#[test]
fn a_transcript_changed_in_any_byte_is_refused() {
    let room = Room::new();
    let text = room.sealed(&room.body(1, [0; 32]));
    Transcript::verify(text.as_bytes()).expect("as it was written");
    let mut tried = 0;
    for at in 0..text.len() {
        for change in [0x01, 0x20] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= change;
            let place = &text[at.saturating_sub(12)..(at + 12).min(text.len())];
            assert!(
                Transcript::verify(&bytes).is_err(),
                "byte {at}, near {place}"
            );
            tried += 1;
        }
    }
    assert!(tried > 4000);
    for cut in [0, 1, text.len() / 2, text.len() - 1] {
        assert!(
            Transcript::verify(&text.as_bytes()[..cut]).is_err(),
            "cut at {cut}"
        );
    }
    assert!(Transcript::verify(format!("{text}\n").as_bytes()).is_err());
}

#[test]
fn who_may_not_sign_a_ceremony_makes_it_void() {
    let room = Room::new();
    let void = |change: &dyn Fn(&mut Body), what: &str| {
        let mut body = room.body(1, [0; 32]);
        change(&mut body);
        let refused = Transcript::verify(room.sealed(&body).as_bytes());
        assert!(matches!(refused, Err(CeremonyError::Altered(_))), "{what}");
    };
    void(&|body| drop(body.reviews.pop()), "one reviewer");
    void(
        &|body| {
            let first = body.reviews[0].clone();
            body.reviews[1] = first;
        },
        "one reviewer twice",
    );
    void(
        &|body| body.reviews[0].officer = "wang".into(),
        "the author reviews",
    );
    void(
        &|body| drop(body.officers.remove(0)),
        "a reviewer who is no officer",
    );
    void(
        &|body| body.file.push('\n'),
        "another file than was reviewed",
    );
    void(&|body| body.hsm.encryption_key[0] ^= 1, "another HSM's key");
}

#[test]
fn transcripts_make_a_chain() {
    let room = Room::new();
    let check = |body: &Body| Transcript::verify(room.sealed(body).as_bytes()).expect("fits");
    let first = check(&room.body(1, [0; 32]));
    let second = check(&room.body(2, first.digest));
    second.follows(&first).expect("the next");
    let elsewhere = check(&room.body(2, [7; 32]));
    let later = check(&room.body(3, first.digest));
    for (what, other) in [
        ("another end", &elsewhere),
        ("one is missing", &later),
        ("itself", &first),
    ] {
        assert!(
            matches!(other.follows(&first), Err(CeremonyError::Chain(_))),
            "{what}"
        );
    }
}
