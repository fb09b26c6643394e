//! Part `kms`: the key service with audit and PostgreSQL, against the HSM behind it and against a handler that does nothing.
//!
//! The HSM's own rate is that of `rhc-hsm` over its socket, for the same cards, 32 in a call, record and durable store on:
//! what a key service could give at most. The bare handler stands behind the same TLS, reads the same request and answers
//! a script of the same size. Every card of every run is another one.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cardlib_card::content::CardContent;
use cardlib_card::dialect::{ChipState, Dialect, user};
use cardlib_card::profile::Profile;
use kms_api::{
    BatchOutcome, CardState, Client, MAX_BATCH, PersonalisationBatch, PersonalisationRequest,
    Script, Secret, paths,
};
use kms_core::fill::{self, Job};
use kms_core::port::{FillRequest, Mark, Target};
use kms_core::tier::Tier as Place;
use kms_hsm::Address;
use kms_platform::axum::{Router, routing};
use kms_platform::identity::Identity;
use kms_platform::problem::Json;
use kms_platform::serve::Server;
use serde_json::json;
use tests_stand::kms::Tier;
use tests_stand::postgres::{Database, Postgres};
use tests_stand::{House, resident};
use uuid::Uuid;

use crate::section::{RUNS, Section};

const CLIENTS: usize = 16;
/// Requests of one client in one run.
const EACH: usize = 40;
/// Batches of one run.
const BATCHES: usize = 48;
/// Clients that send them, each one after another.
const BATCH_CLIENTS: usize = 4;
/// Cards of all runs, and one more.
const CARDS: usize = RUNS as usize * 2 * (CLIENTS * EACH + BATCHES * MAX_BATCH) + 1;
const TICKET: &str = "bench";
const NUMBER: &str = "410102199001010016";
const VENDOR: [u8; 2] = [0x54, 0x54];

/// # Errors
/// PostgreSQL, a program or the house is missing, or a request was refused.
pub fn measure() -> Result<Section> {
    let mut office = Office::open()?;
    let pid = office.house.tiers[0].service.pid();
    let idle = resident::mib(pid)?;
    let mut section = Section::default();
    section.value("idle_memory_mib", idle);
    let mut best = Best::default();
    let mut raw = Vec::new();
    let bare = Bare::serve(&office)?;
    for run in 1..=RUNS {
        let hsm = office.hsm_rate()?;
        let sets = office.batch_rate()?;
        let nothing = office.singles(&bare.url)?;
        let made = office.singles(&office.url.clone())?;
        best.take([hsm, sets, nothing.rate, made.rate]);
        section.note(format!(
            "run {run}: HSM {hsm:.0} key sets/s by {MAX_BATCH}, over HTTP {sets:.0}/s; {CLIENTS} clients, one card a request: \
             {:.0}/s, median {:.1} ms, p99 {:.1} ms; handler that does nothing {:.0}/s, median {:.1} ms, p99 {:.1} ms",
            made.rate, made.median_ms, made.p99_ms, nothing.rate, nothing.median_ms, nothing.p99_ms
        ));
        raw.push(json!({
            "hsm_per_s": hsm, "batch_per_s": sets, "single_per_s": made.rate, "single_median_ms": made.median_ms,
            "single_p99_ms": made.p99_ms, "bare_per_s": nothing.rate, "bare_median_ms": nothing.median_ms,
            "bare_p99_ms": nothing.p99_ms,
        }));
    }
    let [hsm, sets, nothing, made] = best.0;
    section.value("batch_share", sets / hsm);
    section.value("single_share", made / nothing);
    section.note(format!("idle: {idle:.1} MiB resident"));
    section.raw = json!(raw);
    Ok(section)
}

/// The best rate of each kind over all runs. A share of best rates, not the best share: a floor that was disturbed in one
/// run would make a good one.
#[derive(Default)]
struct Best([f64; 4]);

impl Best {
    fn take(&mut self, rates: [f64; 4]) {
        for (best, rate) in self.0.iter_mut().zip(rates) {
            *best = best.max(rate);
        }
    }
}

/// Rate and times of one run.
struct Times {
    rate: f64,
    median_ms: f64,
    p99_ms: f64,
}

/// A prefecture's key service on PostgreSQL.
struct Office {
    house: House,
    _database: Database,
    _cluster: Arc<Postgres>,
    url: String,
    certificate: Vec<u8>,
    next: u64,
}

impl Office {
    fn open() -> Result<Self> {
        let cluster = Postgres::shared()?;
        let database = cluster.fresh()?;
        let mut house = House::found()?;
        house.start_hsms()?;
        for tier in Tier::ALL {
            let mut tool = house.init_tool(tier)?;
            if tier == Tier::Prefecture {
                tool = tool.arg("--database").arg(database.address());
                tool = tool.arg("--database-owner").arg(database.owner_address());
            }
            tool.ok()?;
        }
        house.hand_down()?;
        house.issue_identities()?;
        let factors: Vec<String> = (1..=CARDS as u64)
            .map(|n| hex::encode_upper(factor(n)))
            .collect();
        for (at, part) in factors.chunks(1000).enumerate() {
            house.deliver_cards(u32::try_from(at)? + 1, part)?;
        }
        house.ticket(Tier::Prefecture, TICKET, "card", u32::try_from(CARDS)?)?;
        let out = house.folder().join("issuer.hex");
        house
            .kms(Tier::Prefecture, "issuer-certificate")?
            .arg("--out")
            .arg(&out)
            .ok()?;
        let certificate = hex::decode(std::fs::read_to_string(&out)?.trim())?;
        let running = house.serve_tier(Tier::Prefecture, tests_stand::ports::free()?)?;
        let url = running.url();
        house.tiers.push(running);
        Ok(Self {
            house,
            _database: database,
            _cluster: cluster,
            url,
            certificate,
            next: 1,
        })
    }

    fn station(&self) -> Result<Identity> {
        Ok(Identity::read(&self.house.identity("station-4101"))?)
    }

    /// The next card's request.
    fn request(&mut self) -> Result<PersonalisationRequest> {
        let number = self.next;
        self.next += 1;
        request(number, &self.certificate)
    }

    /// Key sets per second of the HSM itself, by [`MAX_BATCH`].
    fn hsm_rate(&mut self) -> Result<f64> {
        let place = self.house.hsm(Tier::Prefecture);
        let opened = Address::Sim {
            socket: place.socket(),
            officer_socket: place.officer_socket(),
            operator_credential: place.operator(),
        }
        .open()?;
        let mut calls = Vec::new();
        for _ in 0..BATCHES {
            let requests = (0..MAX_BATCH).map(|_| self.request());
            let fills = requests.map(|request| fill_request(&request?));
            calls.push(fills.collect::<Result<Vec<_>>>()?);
        }
        let begun = Instant::now();
        for call in &calls {
            for filled in opened.hsm.fill_many(call) {
                filled?;
            }
        }
        Ok(per_second(BATCHES * MAX_BATCH, begun.elapsed()))
    }

    /// Key sets per second over HTTP, by [`MAX_BATCH`], on standing connections.
    fn batch_rate(&mut self) -> Result<f64> {
        let mut batches = Vec::new();
        for _ in 0..BATCHES {
            let requests = (0..MAX_BATCH).map(|_| self.request());
            batches.push(PersonalisationBatch {
                requests: requests.collect::<Result<_>>()?,
            });
        }
        let clients = self.clients(&self.url, BATCH_CLIENTS)?;
        let begun = Instant::now();
        thread::scope(|scope| {
            let shares = batches.chunks(BATCHES / BATCH_CLIENTS);
            let workers: Vec<_> = clients
                .iter()
                .zip(shares)
                .map(|(client, share)| {
                    scope.spawn(move || {
                        for batch in share {
                            for outcome in client.personalise_many(batch)? {
                                if let BatchOutcome::Problem(problem) = outcome {
                                    bail!("{problem}");
                                }
                            }
                        }
                        Ok(())
                    })
                })
                .collect();
            workers.into_iter().try_for_each(joined)
        })?;
        Ok(per_second(BATCHES * MAX_BATCH, begun.elapsed()))
    }

    /// Clients whose connections stand before the clock runs.
    fn clients(&self, url: &str, count: usize) -> Result<Vec<Client>> {
        let identity = self.station()?;
        let clients = (0..count).map(|_| {
            let client = Client::new(url, &identity)?;
            let _ = client.status();
            Ok(client)
        });
        clients.collect()
    }

    /// [`CLIENTS`] clients, one card a request, on standing connections.
    fn singles(&mut self, url: &str) -> Result<Times> {
        let mut requests = Vec::new();
        for _ in 0..CLIENTS * EACH {
            requests.push(self.request()?);
        }
        let clients = self.clients(url, CLIENTS)?;
        let begun = Instant::now();
        let times = thread::scope(|scope| {
            let workers: Vec<_> = clients
                .iter()
                .zip(requests.chunks(EACH))
                .map(|(client, share)| {
                    scope.spawn(move || {
                        let timed = share.iter().map(|request| {
                            let begun = Instant::now();
                            client.personalise(request)?;
                            Ok(begun.elapsed())
                        });
                        timed.collect::<Result<Vec<Duration>>>()
                    })
                })
                .collect();
            let joined = workers.into_iter().map(joined);
            joined.collect::<Result<Vec<_>>>()
        })?;
        let whole = begun.elapsed();
        let mut times: Vec<f64> = times
            .into_iter()
            .flatten()
            .map(|time| time.as_secs_f64() * 1e3)
            .collect();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let last = times.len().saturating_sub(1);
            times[((last as f64) * share) as usize]
        };
        Ok(Times {
            rate: per_second(times.len(), whole),
            median_ms: at(0.5),
            p99_ms: at(0.99),
        })
    }
}

fn joined<T>(worker: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    match worker.join() {
        Ok(done) => done,
        Err(_) => bail!("a client of the benchmark panicked"),
    }
}

fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn factor(number: u64) -> [u8; 8] {
    (0xBE00_0000_0000_0000 | number).to_be_bytes()
}

fn request(number: u64, certificate: &[u8]) -> Result<PersonalisationRequest> {
    Ok(PersonalisationRequest {
        request_id: Uuid::new_v4(),
        ticket: TICKET.to_owned(),
        factor: factor(number),
        vendor: VENDOR,
        cos_version: 1,
        card: CardState {
            key_version: 0,
            counter: 0,
            state: 1,
        },
        person: Secret::new(NUMBER.to_owned()),
        content: content(certificate, number)?,
    })
}

fn content(certificate: &[u8], number: u64) -> Result<CardContent> {
    let profile = Profile::rhc_2012();
    let mut content = CardContent::default();
    let serial = format!("41{number:08}");
    for (tag, text) in [
        (1, "1"),
        (2, "V1.1"),
        (8, NUMBER),
        (10, serial.as_str()),
        (57, "410100"),
        (11, "张三"),
        (15, NUMBER),
    ] {
        content.set_text(profile, tag, text)?;
    }
    content.set(profile, 5, certificate)?;
    Ok(content)
}

/// What the key service would ask the HSM for this card.
fn fill_request(request: &PersonalisationRequest) -> Result<FillRequest> {
    let profile = Profile::rhc_2012();
    let chip = ChipState {
        key_version: request.card.key_version,
        counter: request.card.counter,
        state: request.card.state,
    };
    let plan = user::user_card(&Dialect::rhc_cos_1()?, profile, &request.content, chip)?;
    let tier = Place::new("prefecture", "4101")?;
    let job = Job {
        target: Target::Card,
        request_id: request.request_id,
        ticket: TICKET,
        mark: Mark::Test,
        tier: &tier,
        province: tier.province_factor().context("a province factor")?,
        chip: request.factor,
        vendor: request.vendor,
    };
    Ok(fill::request(profile, plan, &job)?.0)
}

/// A handler that reads the request and answers one and the same script, behind the same TLS.
struct Bare {
    url: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Bare {
    fn serve(office: &Office) -> Result<Self> {
        let identity = Identity::read(
            &office
                .house
                .kms_store(Tier::Prefecture)
                .join("service.json"),
        )?;
        let script = office.sample()?;
        let handler =
            move |Json(_request): Json<PersonalisationRequest>| async move { Json(script) };
        let router = Router::new().route(paths::PERSONALISATIONS, routing::post(handler));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let server = runtime.block_on(Server::bind(router, "127.0.0.1:0".parse()?, &identity))?;
        let url = format!("https://{}", server.addr());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            runtime.block_on(server.serve(async {
                let _ = stopped.await;
            }));
        });
        Ok(Self {
            url,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Office {
    /// A real script, for the handler that does nothing: of the last card of the lists, which no run comes to.
    fn sample(&self) -> Result<Script> {
        let client = Client::new(&self.url, &self.station()?)?;
        let request = request(CARDS as u64, &self.certificate)?;
        Ok(client.personalise(&request)?)
    }
}
