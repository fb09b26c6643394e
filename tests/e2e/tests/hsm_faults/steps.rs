//! The main job's steps by officers and clerks, each one run of `rhc-kms` against one HSM.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests_stand::house::House;
use tests_stand::kms::Tier;
use tests_stand::{Outcome, Tool};

use crate::chips::{CARDS, SAMS};
use crate::place::{self, COUNTING, Disks};
use crate::tally::{KINDS, Kind, Tally};

/// Calls before the first order of a set-up: keys and identity, when the orders are drawn up and when they are checked.
const BEFORE_ORDERS: usize = 4;

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every kind at every call.
    Every,
    /// At every call the kinds that leave the HSM working, and one that ends it, in turn; the set-ups as below.
    Steps,
    /// Every call meets the kinds in turn; of the set-ups' orders every fourth.
    Turns,
}

struct Step {
    name: String,
    tier: Tier,
    /// A set-up: a long row of orders.
    long: bool,
    /// Where its result goes, from the tool or else from what it prints; taken away before each run.
    product: Option<PathBuf>,
    tool: Box<dyn Fn(&House) -> Tool>,
}

impl Step {
    fn new(name: &str, tier: Tier, tool: impl Fn(&House) -> Tool + 'static) -> Self {
        Self {
            name: format!("{}: {name}", tier.word()),
            tier,
            long: false,
            product: None,
            tool: Box::new(tool),
        }
    }

    fn run(&self, house: &House) -> Outcome {
        if let Some(product) = &self.product {
            let _ = fs::remove_file(product);
        }
        let ran = (self.tool)(house).run().expect("tool");
        let clear =
            ran.code == 0 || ((ran.code == 3 || ran.code == 4) && names_itself(&ran.text()));
        assert!(
            clear,
            "{}: exit {}, no clear error: {}",
            self.name,
            ran.code,
            ran.text()
        );
        if let Some(product) = self
            .product
            .as_ref()
            .filter(|file| ran.code == 0 && !file.exists())
        {
            fs::write(product, &ran.out).expect("file");
        }
        ran
    }
}

/// A refusal that names itself in brackets, or the HSM's absence.
fn names_itself(text: &str) -> bool {
    let slug = |part: &str| {
        let inner = part.split(')').next().unwrap_or_default();
        inner.len() > 3 && inner.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    text.split('(').skip(1).any(slug) && !text.contains("panicked")
}

/// All steps under faults; afterwards three HSMs serve without any, with keys, lists and tickets in place.
pub fn walk(house: &mut House, tally: &mut Tally, scope: Scope) {
    for tier in Tier::ALL {
        house.machine.init(&house.hsm(tier), "test").expect("HSM");
        place::serve(house, tier, None);
    }
    for tier in Tier::ALL {
        let mut step = Step::new("init", tier, move |house| {
            house.init_tool(tier).expect("tool")
        });
        step.long = true;
        under_faults(house, &step, tally, scope);
    }
    for (upper, lower) in [
        (Tier::Ministry, Tier::Province),
        (Tier::Province, Tier::Prefecture),
    ] {
        for (tier, peer) in [(upper, lower), (lower, upper)] {
            for step in enrolment(house, tier, peer) {
                under_faults(house, &step, tally, scope);
            }
        }
        for step in hand_down(house, upper, lower) {
            under_faults(house, &step, tally, scope);
        }
    }
    house.issue_identities().expect("identities");
    for step in tickets(house) {
        under_faults(house, &step, tally, scope);
    }
}

fn enrolment(house: &House, tier: Tier, peer: Tier) -> Vec<Step> {
    let name = format!("peer-{}-{}.json", peer.area(), tier.area());
    let info = house.folder().join(name);
    let (out, given) = (info.clone(), info.clone());
    let mut told = Step::new("hsm info", peer, move |house| {
        let tool = house.kms(peer, "hsm info").expect("tool");
        tool.arg("--out").arg(&out)
    });
    told.product = Some(info);
    let enrol = Step::new("hsm enrol", tier, move |house| {
        let tool = house.kms(tier, "hsm enrol --by wang").expect("tool");
        tool.arg("--peer-info").arg(&given)
    });
    let confirm = Step::new("hsm confirm", tier, move |house| {
        let tool = house.kms_order(tier, "hsm confirm").expect("tool");
        tool.arg("--peer").arg(peer.peer())
    });
    vec![told, enrol, confirm]
}

fn hand_down(house: &House, upper: Tier, lower: Tier) -> Vec<Step> {
    let file = |name: &str| house.folder().join(format!("{name}-{}.json", lower.area()));
    let (request, opened, package) = (file("request"), file("opened"), file("package"));
    let (asked, noted, packed) = (request.clone(), opened.clone(), package.clone());
    let mut ask = Step::new("request", lower, {
        let out = request.clone();
        move |house| {
            let tool = house.kms(lower, "request --by wang").expect("tool");
            tool.arg("--out").arg(&out)
        }
    });
    ask.product = Some(request);
    let mut open = Step::new("grant", upper, move |house| {
        let tool = house.kms(upper, "grant --json --by wang").expect("tool");
        tool.arg("--request").arg(&asked)
    });
    open.product = Some(opened);
    let mut approve = Step::new("grant --approve", upper, {
        let out = package.clone();
        move |house| {
            let id = grant_id(&noted);
            let tool = house.kms_order(upper, "grant").expect("tool");
            tool.arg("--approve").arg(id).arg("--out").arg(&out)
        }
    });
    approve.product = Some(package);
    let import = Step::new("import", lower, move |house| {
        house.kms_order(lower, "import").expect("tool").arg(&packed)
    });
    vec![ask, open, approve, import]
}

fn grant_id(opened: &Path) -> String {
    let text = fs::read(opened).expect("the grant's answer");
    let answer: Value = serde_json::from_slice(&text).expect("json");
    answer["id"].as_str().expect("id").to_owned()
}

fn tickets(house: &House) -> Vec<Step> {
    let mut steps = Vec::new();
    for (tier, kind, id, ticket, items, sequence) in [
        (Tier::Prefecture, "card", "cards", "card", CARDS, 1),
        (
            Tier::Ministry,
            "sam",
            "sam-national",
            "sam-national",
            SAMS,
            2,
        ),
        (
            Tier::Province,
            "sam",
            "sam-provincial",
            "sam-provincial",
            SAMS,
            3,
        ),
    ] {
        let items: Vec<String> = (0..items)
            .map(|n| hex::encode_upper(crate::chips::factor(kind, n)))
            .collect();
        let list = house.delivery_list(kind, sequence, &items).expect("list");
        let quantity = items.len();
        steps.push(Step::new("delivery import", tier, move |house| {
            house.kms(tier, "delivery import").expect("tool").arg(&list)
        }));
        steps.push(Step::new("ticket request", tier, move |house| {
            let words =
                format!("ticket request --by wang --id {id} --kind {ticket} --quantity {quantity}");
            house.kms(tier, &words).expect("tool")
        }));
        steps.push(Step::new("ticket approve", tier, move |house| {
            house
                .kms_order(tier, "ticket approve")
                .expect("tool")
                .arg(id)
        }));
    }
    steps
}

/// Counts the step's calls and tries the faults; the state that the last of them leaves goes into the next step.
fn under_faults(house: &mut House, step: &Step, tally: &mut Tally, scope: Scope) {
    let disks = Disks::of(house, step.tier);
    place::serve(house, step.tier, Some(COUNTING));
    assert_eq!(step.run(house).code, 0, "{}: with a slow HSM", step.name);
    let calls = place::met(house, step.tier);
    tally.step(&step.name, calls);
    tally.add("slow", true, calls);
    place::serve(house, step.tier, None);
    if calls == 0 {
        return;
    }
    let wanted = place::held(house, step.tier);
    // In a set-up the policy and each key is an order.
    let made = wanted["keys"].as_array().map_or(0, Vec::len) + 1;
    let trial = Trial {
        step,
        disks,
        wanted,
        calls,
        orders: if step.long { made } else { 0 },
    };
    trial.busy_everywhere(house, tally);
    trial.orders(house, tally, scope);
    trial.single_calls(house, tally, scope);
    place::serve(house, step.tier, None);
}

/// What ends a call or the HSM; `slow` and `busy` come at all calls of a step in one run.
fn failing() -> impl Iterator<Item = Kind> + Clone {
    let everywhere = |kind: &Kind| matches!(kind.name, "busy" | "slow");
    KINDS.into_iter().filter(move |kind| !everywhere(kind))
}

struct Trial<'s> {
    step: &'s Step,
    disks: Disks,
    wanted: Value,
    calls: usize,
    /// How many of the calls are orders of a set-up.
    orders: usize,
}

impl Trial<'_> {
    /// The orders of a set-up: each kind at each of them, or the kinds in turn.
    fn orders(&self, house: &mut House, tally: &mut Tally, scope: Scope) {
        if self.orders == 0 {
            return;
        }
        if scope == Scope::Every {
            for kind in failing() {
                self.failing_orders(house, tally, &[kind], 1);
            }
        } else {
            let kinds: Vec<Kind> = failing().collect();
            let stride = if scope == Scope::Turns { 4 } else { 1 };
            self.failing_orders(house, tally, &kinds, stride);
        }
    }

    /// All calls but the orders of a set-up.
    fn single_calls(&self, house: &mut House, tally: &mut Tally, scope: Scope) {
        let before = if self.orders == 0 { 0 } else { BEFORE_ORDERS };
        let calls = (1..=before).chain(before + self.orders + 1..=self.calls);
        let (mut any, mut ending) = (
            failing().cycle(),
            failing().filter(|kind| kind.ends).cycle(),
        );
        for call in calls {
            let kinds: Vec<Kind> = match scope {
                Scope::Every => failing().collect(),
                Scope::Steps if self.orders == 0 => {
                    let lasting = failing().filter(|kind| !kind.ends);
                    lasting.chain(ending.next()).collect()
                }
                _ => any.next().into_iter().collect(),
            };
            for kind in kinds {
                self.fault(house, tally, call, kind);
            }
        }
    }

    /// One fault at one call.
    fn fault(&self, house: &mut House, tally: &mut Tally, call: usize, kind: Kind) {
        let tier = self.step.tier;
        self.disks.put_back(house, tier);
        place::serve(house, tier, Some(&format!("at={call}:{}", kind.name)));
        let first = self.step.run(house);
        let what = format!("{} at call {call}", kind.name);
        assert_eq!(
            place::met(house, tier),
            1,
            "{}: {what} was not met",
            self.step.name
        );
        if kind.ends {
            place::serve(house, tier, None);
        }
        if first.code != 0 {
            let again = self.step.run(house);
            assert_eq!(
                again.code,
                0,
                "{}: {what}: {} then {}",
                self.step.name,
                first.text(),
                again.text()
            );
        }
        tally.add(kind.name, first.code == 0, 1);
        self.check(house, &what);
    }

    /// Every call refused once: each is made again at once.
    fn busy_everywhere(&self, house: &mut House, tally: &mut Tally) {
        let calls = self.calls;
        self.disks.put_back(house, self.step.tier);
        let each: Vec<String> = (0..calls)
            .map(|call| format!("at={}:busy", 2 * call + 1))
            .collect();
        place::serve(house, self.step.tier, Some(&each.join(",")));
        assert_eq!(
            self.step.run(house).code,
            0,
            "{}: busy everywhere",
            self.step.name
        );
        assert_eq!(
            place::met(house, self.step.tier),
            calls,
            "{}",
            self.step.name
        );
        tally.add("busy", true, calls);
        place::serve(house, self.step.tier, None);
        self.check(house, "busy everywhere");
    }

    /// Each order of a set-up, or each of a stride, fails once, by these kinds in turn; the set-up goes on with the next when it is repeated.
    fn failing_orders(&self, house: &mut House, tally: &mut Tally, kinds: &[Kind], stride: usize) {
        let tier = self.step.tier;
        self.disks.put_back(house, tier);
        // An order that was not done is the first of the next run, and passes there.
        let (mut failed, mut undone) = (0, 0);
        for kind in kinds.iter().cycle().take(2 * self.calls) {
            let call = BEFORE_ORDERS + stride + undone;
            place::serve(house, tier, Some(&format!("at={call}:{}", kind.name)));
            let code = self.step.run(house).code;
            tally.add(kind.name, code == 0, place::met(house, tier));
            if code == 0 {
                break;
            }
            (failed, undone) = (failed + 1, usize::from(!kind.does_the_work()));
        }
        place::serve(house, tier, None);
        assert_eq!(self.step.run(house).code, 0, "{}", self.step.name);
        let (name, orders) = (&self.step.name, self.orders / stride);
        assert!(
            failed >= orders,
            "{name}: {failed} of {orders} orders failed"
        );
        self.check(house, &format!("{kinds:?} at the orders in turn"));
    }

    fn check(&self, house: &House, what: &str) {
        let found = place::held(house, self.step.tier);
        assert_eq!(found, self.wanted, "{}: {what}", self.step.name);
    }
}
