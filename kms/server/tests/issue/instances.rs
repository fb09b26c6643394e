//! Two instances of one key service on one PostgreSQL and one HSM.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use cardlib_card::delivery::Kind;
use kms_api::{CardState, Client, ClientError, SamNationalRequest};
use uuid::Uuid;

use super::house::shop::{blank_sam, probe};
use super::house::{House, in_databases, json};

const REQUESTS: usize = 10_000;
const TICKET: u64 = 5_000;
const CLIENTS: usize = 8;

fn chip(n: usize) -> [u8; 8] {
    (0x5A00_0000_0000_0000 + n as u64).to_be_bytes()
}

fn request(n: usize, sam: CardState) -> SamNationalRequest {
    SamNationalRequest {
        request_id: Uuid::new_v4(),
        ticket: "t-race".into(),
        chip_serial: chip(n),
        vendor: [0x54, 0x54],
        cos_version: 1,
        sam_type: 4,
        province: "41".into(),
        sam,
    }
}

/// Ten thousand SAMs ask two instances, eight at a time, for a ticket of five thousand. The counts on the record and the chips
/// that were bound say the same as the answers.
#[test]
fn two_instances_spend_one_ticket_exactly() {
    in_databases(|| {
        let mut house = House::new();
        house.start_hsm("0", "test");
        house.init("ministry", "", "0", "test", true).ok();
        house.signed_line("audit keys --store kms-0").ok();
        let chips: Vec<[u8; 8]> = (0..REQUESTS).map(chip).collect();
        for (list, part) in chips.chunks(5000).enumerate() {
            house.deliver("0", Kind::Sam, list as u64 + 1, part);
        }
        house.ticket("0", "sam-national", TICKET, "t-race");
        // Every refusal shall be the ticket's own: none turned away unread.
        let unlimited = ["--refusals", "100000"];
        let serve = || house.serve_with("0", &unlimited, 0);
        let served = [serve(), serve()];
        let identity = house.identity("0", "station", "one");
        let sam = probe(&mut blank_sam(chip(0)));
        let (next, answers) = (AtomicUsize::new(0), Mutex::new(Answers::new()));
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let url = &served[client % served.len()].url;
                let station = Client::new(url, &identity).unwrap();
                let (next, answers) = (&next, &answers);
                scope.spawn(move || {
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        if n >= REQUESTS {
                            break;
                        }
                        // A connection may end between two requests: the same request again spends nothing more.
                        let asked = request(n, sam);
                        let mut answer = station.sam_national(&asked);
                        for _ in 0..5 {
                            if answer.as_ref().err().is_none_or(|e| e.problem().is_some()) {
                                break;
                            }
                            answer = station.sam_national(&asked);
                        }
                        count(answer, answers);
                    }
                });
            }
        });
        let answers = answers.into_inner().unwrap();
        println!(
            "instances: {REQUESTS} requests by {CLIENTS} clients to 2 instances, ticket of {TICKET}: {answers:?}, {:.0} s",
            begun.elapsed().as_secs_f64()
        );
        let refused = REQUESTS - TICKET as usize;
        let exact = [("made", TICKET as usize), ("ticket-empty", refused)];
        let exact = exact.map(|(answer, times)| (answer.to_owned(), times));
        assert_eq!(answers, exact.into());
        drop(served);
        let told = json(&house.line("audit verify --store kms-0 --json").ok().out);
        assert!(told["rows"].as_u64().unwrap() > 2 * TICKET, "{told}");
        assert_eq!(told["open"].as_array().unwrap().len(), 0, "{told}");
        let done = house.query(
            "0",
            "SELECT count(DISTINCT object)::text FROM audit WHERE act = 'sam.national' AND outcome = 'done'",
        );
        assert_eq!(done, TICKET.to_string());
        let bound = house.query(
            "0",
            "SELECT count(*)::text FROM chip WHERE subject IS NOT NULL",
        );
        assert_eq!(bound, TICKET.to_string());
    });
}

/// How often each answer came: `made`, or the refusal's slug.
type Answers = BTreeMap<String, usize>;

fn count(answer: Result<kms_api::Script, ClientError>, answers: &Mutex<Answers>) {
    let name = match answer {
        Ok(_) => "made".to_owned(),
        Err(error) => match error.problem() {
            Some(problem) => problem.slug().to_owned(),
            None => panic!("{error}"),
        },
    };
    *answers.lock().unwrap().entry(name).or_default() += 1;
}
