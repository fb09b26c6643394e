//! The whole table is walked: every operation × tier × role × what a signer may do wrong, against a second table that was
//! written by hand from what the tiers' rules say, and not read from the first.

use std::collections::BTreeSet;

use cardlib_card::gm::sm2::SigningKey;

use super::*;
use crate::port::Mark;
use crate::tier::Tier;

/// operation | tiers (Ministry, Province, preFecture) | who asks | signatures and whose; `!` before who must be among them.
const EXPECTED: &str = "
service.set-up    | MPF | sys ope         | 2 key
officer.add       | MPF | sec key ope     | 2 key sec
officer.remove    | MPF | sec key ope     | 2 key sec
officer.unlock    | MPF | sec key app ope | 2 !sec key app
audit.keys        | MPF | aud ope         | 2 key
audit.countersign | MPF | aud ope tie     | 0
restore           | MPF | sys ope         | 2 key
identity.issue    | MPF | sec ope         | 0
identity.revoke   | MPF | sec key ope     | 0
ceremony          | MPF | key ope         | 2 key
hsm.enrol         | MPF | key ope         | 0
hsm.confirm       | MPF | key ope         | 2 key
transport.import  | MPF | key ope         | 2 key
maker.add         | MPF | key ope         | 2 key
hand-down.request | PF  | key ope         | 0
grant.open        | MP  | key ope tie     | 0
grant.approve     | MP  | key ope tie     | 2 key
grant.fetch       | MP  | tie             | 0
import            | PF  | key ope         | 2 key
receipt.take      | MP  | key ope tie     | 0
terms.set         | MP  | sec key ope     | 2 key
lease.issue       | MP  | ope tie         | 0
lease.take        | PF  | ope tie         | 0
delivery.import   | MPF | key app ope     | 0
ticket.request    | MPF | key app ope     | 0
ticket.approve    | MPF | key app ope     | 2 key app
order.return      | MPF | key app ope     | 2 key app
order.account     | MPF | app ope sta     | 0
card.personalise  | PF  | sta             | 0
sam.national      | M   | sta             | 0
sam.provincial    | P   | sta             | 0
key.state         | MPF | sec key ope     | 2 key
rotation.plan     | MP  | key ope         | 0
rotation.open     | MP  | key ope         | 2 key
rotation.packages | MP  | key ope         | 0
rotation.receipts | MP  | key ope         | 0
rotation.switch   | MP  | key ope         | 0
rotation.retire   | MP  | key ope         | 2 key
compromise.report | MPF | sec key ope     | 0
alarm.ack         | MPF | sec             | 0
";

const ROLES: [(&str, Role); 8] = [
    ("sys", Role::SystemAdministrator),
    ("sec", Role::SecurityAdministrator),
    ("aud", Role::AuditAdministrator),
    ("key", Role::KeyOfficer),
    ("app", Role::Approver),
    ("ope", Role::Operator),
    ("sta", Role::Station),
    ("tie", Role::Tier),
];

const NOW: u64 = 1_800_000_000;

struct Row<'a> {
    name: &'a str,
    tiers: &'a str,
    ask: Vec<&'a str>,
    count: usize,
    approve: Vec<&'a str>,
    among: Option<&'a str>,
}

fn rows() -> Vec<Row<'static>> {
    let lines = EXPECTED.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let mut signs = cells[3].split_whitespace();
            let count = signs.next().unwrap().parse().unwrap();
            let approve: Vec<&str> = signs.collect();
            let among = approve.iter().find_map(|word| word.strip_prefix('!'));
            Row {
                name: cells[0],
                tiers: cells[1],
                ask: cells[2].split_whitespace().collect(),
                count,
                approve: approve
                    .iter()
                    .map(|word| word.trim_start_matches('!'))
                    .collect(),
                among,
            }
        })
        .collect()
}

struct Device(String, SigningKey);

impl Signer for Device {
    fn name(&self) -> &str {
        &self.0
    }

    fn sign_message(&self, message: &[u8]) -> Result<[u8; 64], DeviceError> {
        self.1
            .sign_message(message)
            .map_err(|e| DeviceError(e.to_string()))
    }
}

fn device(name: &str) -> Device {
    let key = SigningKey::from_label(name.as_bytes()).unwrap();
    Device(name.to_owned(), key)
}

/// Two persons of every role (`key1`, `key2`, …) and one who is locked.
fn people() -> Vec<Person> {
    let mut people = Vec::new();
    for (word, role) in ROLES {
        for number in 1..=2 {
            let name = format!("{word}{number}");
            people.push(Person {
                public_key: device(&name).1.verifying_key().to_bytes(),
                roles: BTreeSet::from([role]),
                locked: false,
                name,
            });
        }
    }
    people.push(Person {
        name: "locked".into(),
        public_key: device("locked").1.verifying_key().to_bytes(),
        roles: BTreeSet::from([Role::KeyOfficer, Role::SecurityAdministrator]),
        locked: true,
    });
    people
}

fn request(operation: &str, tier: &Tier, asker: &str, id: &str) -> Request {
    Request {
        id: id.into(),
        operation: operation.into(),
        tier: tier.clone(),
        mark: Mark::Test,
        hsm: [7; 32],
        requesters: vec![asker.into()],
        created: NOW,
        expires: NOW + 60,
        subject: format!("{operation} of {id}"),
        orders: vec![format!("{{\"order\":\"{id}\"}}")],
    }
}

fn tiers() -> [(char, Tier); 3] {
    [
        ('M', Tier::new("ministry", "").unwrap()),
        ('P', Tier::new("province", "41").unwrap()),
        ('F', Tier::new("prefecture", "4101").unwrap()),
    ]
}

/// The answer's name, as callers see it.
fn name_of(answer: Result<Permit, Denied>) -> String {
    match answer {
        Ok(_) => "done".to_owned(),
        Err(denied) => denied.to_string().split(':').next().unwrap().to_owned(),
    }
}

fn sign(table: &Table, request: &Request, name: &str) -> Approval {
    let rule = table.rule(&request.operation).unwrap();
    Approval::sign(request, rule, &device(name)).unwrap()
}

#[test]
fn the_whole_table_decides_as_it_was_meant() {
    let table = Table::embedded().unwrap();
    let (rows, people) = (rows(), people());
    let written: BTreeSet<&str> = rows.iter().map(|row| row.name).collect();
    let read: BTreeSet<&str> = table.rules().map(|rule| rule.name.as_str()).collect();
    assert_eq!(read, written, "a row stands in one of the tables only");
    let mut tried = 0;
    for row in &rows {
        for (letter, tier) in tiers() {
            for (word, _) in ROLES {
                let here = row.tiers.contains(letter);
                tried += as_asker(table, row, &tier, here, word, &people);
                if here && row.count > 0 {
                    tried += as_signer(table, row, &tier, word, &people);
                }
            }
        }
    }
    // 26 operations × 3 tiers × 8 roles, and five ways to sign of each role where signatures are wanted.
    assert!(tried > 1_500, "{tried}");
    println!(
        "policy table: {} operations, {tried} decisions, 0 deviations",
        rows.len()
    );
}

/// Somebody of this role asks; all signatures that could be wanted are there.
fn as_asker(
    table: &Table,
    row: &Row<'_>,
    tier: &Tier,
    here: bool,
    word: &str,
    people: &[Person],
) -> usize {
    let asker = format!("{word}1");
    let request = request(row.name, tier, &asker, "r1");
    let mut signers: Vec<String> = Vec::new();
    // Whoever must be among them first; nobody who asked.
    let wanted = row.among.iter().chain(&row.approve);
    for role in wanted {
        for number in ["2", "1"] {
            let name = format!("{role}{number}");
            if signers.len() < row.count && name != asker && !signers.contains(&name) {
                signers.push(name);
            }
        }
    }
    let approvals: Vec<_> = signers
        .iter()
        .map(|name| sign(table, &request, name))
        .collect();
    let expected = match (here, row.ask.contains(&word)) {
        (false, _) => "wrong-tier",
        (_, false) => "role-refused",
        // Of an asker's own role only one other person is left to sign.
        _ if signers.len() < row.count => "two-officers-needed",
        _ => "done",
    };
    let answer = name_of(table.admit(&request, &approvals, people, NOW));
    assert_eq!(
        answer, expected,
        "{} asked for at {tier} by {asker}",
        row.name
    );
    1
}

/// Somebody who may asks, and persons of this role sign: nobody, the requester, too late, for another request, enough.
fn as_signer(table: &Table, row: &Row<'_>, tier: &Tier, word: &str, people: &[Person]) -> usize {
    let (first, second) = (format!("{word}1"), format!("{word}2"));
    let ask = |id: &str| request(row.name, tier, "a stranger at the console", id);
    let this = ask("r1");
    let may = row.approve.contains(&word);
    let counts = may && row.among.is_none_or(|among| among == word);
    let check =
        |what: &str, request: &Request, approvals: &[Approval], now: u64, expected: &str| {
            let answer = name_of(table.admit(request, approvals, people, now));
            assert_eq!(
                answer, expected,
                "{} at {tier}, signed by {word}: {what}",
                row.name
            );
        };
    let both = [sign(table, &this, &first), sign(table, &this, &second)];
    check("nobody", &this, &[], NOW, "two-officers-needed");
    let refused = |otherwise: &'static str| if may { otherwise } else { "role-refused" };
    check(
        "one",
        &this,
        &both[..1],
        NOW,
        refused("two-officers-needed"),
    );
    check(
        "one twice",
        &this,
        &[both[0].clone(), both[0].clone()],
        NOW,
        refused("same-officer-twice"),
    );
    check(
        "expired",
        &this,
        &both,
        this.expires + 1,
        "approval-expired",
    );
    let enough = match (may, counts) {
        (false, _) => "role-refused",
        (_, false) => "role-missing",
        _ => "done",
    };
    check("enough", &this, &both, NOW, enough);
    check(
        "enough, at the last second",
        &this,
        &both,
        this.expires,
        enough,
    );
    // The requester as approver, also spelled otherwise. Who may not even ask is refused for that.
    if row.ask.contains(&word) {
        for spelled in [
            first.clone(),
            format!(" {}", first.to_uppercase()),
            full_width(&first),
        ] {
            let own = Request {
                requesters: vec![spelled],
                ..ask("r2")
            };
            let signed = [sign(table, &own, &first), sign(table, &own, &second)];
            check("the requester", &own, &signed, NOW, "requester-approves");
        }
    }
    // For another request: as it was signed, and with the other's name written over.
    let other = ask("r3");
    let foreign = sign(table, &other, &first);
    check(
        "another request's",
        &this,
        &[foreign.clone(), both[1].clone()],
        NOW,
        "approval-for-another",
    );
    let renamed = Approval {
        request: this.id.clone(),
        ..foreign
    };
    check(
        "another request's, renamed",
        &this,
        &[renamed, both[1].clone()],
        NOW,
        refused("bad-signature"),
    );
    // Signed in another's name.
    let borrowed = Approval {
        officer: second.clone(),
        ..both[0].clone()
    };
    check(
        "borrowed",
        &this,
        &[both[0].clone(), borrowed],
        NOW,
        refused("bad-signature"),
    );
    let locked = [both[0].clone(), sign(table, &this, "locked")];
    check(
        "a locked one",
        &this,
        &locked,
        NOW,
        refused("officer-locked"),
    );
    10
}

fn full_width(name: &str) -> String {
    let wide = |c: char| char::from_u32(u32::from(c) + 0xFEE0).unwrap();
    name.chars().map(wide).collect()
}

#[test]
fn a_changed_request_or_order_is_not_what_was_signed() {
    let (table, people) = (Table::embedded().unwrap(), people());
    let tier = Tier::new("province", "41").unwrap();
    let this = request("ticket.approve", &tier, "wang", "r1");
    let both = [sign(table, &this, "key1"), sign(table, &this, "app2")];
    assert_eq!(name_of(table.admit(&this, &both, &people, NOW)), "done");
    let changes: [fn(&mut Request); 8] = [
        |r| r.subject.push('0'),
        |r| r.orders[0].push(' '),
        |r| r.orders.clear(),
        |r| r.mark = Mark::Demo,
        |r| r.hsm[31] ^= 1,
        |r| r.expires += 1,
        |r| r.created -= 1,
        |r| r.requesters.push("li".into()),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut changed = this.clone();
        change(&mut changed);
        let answer = name_of(table.admit(&changed, &both, &people, NOW));
        assert_eq!(answer, "bad-signature", "change {number}");
    }
    // Nor does a signature over the order alone count for the request.
    let mut order_only = both.clone();
    order_only[0].signature = order_only[0].orders[0].0;
    let answer = name_of(table.admit(&this, &order_only, &people, NOW));
    assert_eq!(answer, "bad-signature");
}

#[test]
fn a_table_that_contradicts_itself_is_no_table() {
    let row = |text: &str| {
        let whole = format!("[[operation]]\nname = \"x\"\n{text}");
        Table::parse(&whole).err().map(|e| e.to_string())
    };
    let good = "tiers = [\"ministry\"]\nask = [\"operator\"]\napprovers = 2\napprove = [\"key-officer\"]\nhours = 1\n";
    assert_eq!(row(good), None);
    for (from, to) in [
        ("\"ministry\"", "\"village\""),
        ("[\"operator\"]", "[]"),
        ("approvers = 2", "approvers = 0"),
        ("approvers = 2", "approvers = 1"),
        ("hours = 1", "hours = 0"),
        ("hours = 1", "hours = 721"),
        ("\"key-officer\"", "\"operator\""),
        ("\"key-officer\"", "\"station\""),
        ("hours = 1", "hours = 1\namong = \"approver\""),
        ("hours = 1", "hours = 1\nevening = true"),
    ] {
        assert!(row(&good.replacen(from, to, 1)).is_some(), "{to}");
    }
    let twice = format!("[[operation]]\nname = \"x\"\n{good}[[operation]]\nname = \"x\"\n{good}");
    assert!(Table::parse(&twice).is_err());
}

#[test]
fn administrators_are_kept_apart() {
    use Role::*;
    let apart = |roles: &[Role]| clash(&roles.iter().copied().collect()).is_some();
    for pair in [
        [SystemAdministrator, SecurityAdministrator],
        [SystemAdministrator, AuditAdministrator],
        [SecurityAdministrator, AuditAdministrator],
        [AuditAdministrator, KeyOfficer],
        [AuditAdministrator, Approver],
    ] {
        assert!(apart(&pair), "{pair:?}");
    }
    for set in [
        &[KeyOfficer, Approver][..],
        &[SecurityAdministrator],
        &[SystemAdministrator, Operator],
    ] {
        assert!(!apart(set), "{set:?}");
    }
}
