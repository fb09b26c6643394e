//! An HSM that fails where it is told to, its state and its key service's put back, and what both hold.

use std::path::PathBuf;

use hsm_wire::client::OperatorClient;
use hsm_wire::secret::OperatorSecret;
use serde_json::{Value, json};
use tests_stand::Tool;
use tests_stand::house::House;
use tests_stand::kms::Tier;

/// Milliseconds of `slow` and `silent`: nobody's patience is tried here.
const SHORT: &str = "slow=1,silent=2";

/// A fault of no weight at every call: the log then counts the calls.
pub const COUNTING: &str = "rate=1000,kinds=slow";

/// Ends a tier's HSM as a power cut does; whatever it answered is on its disk.
pub fn end(house: &mut House, tier: Tier) {
    let name = name(tier);
    if let Some(at) = house.hsms.iter().position(|hsm| hsm.name() == name) {
        house.hsms.remove(at).kill();
    }
}

fn name(tier: Tier) -> String {
    format!("hsm {}", tier.word())
}

/// Serves a tier's HSM anew, with these faults or none, and with an empty log.
pub fn serve(house: &mut House, tier: Tier, faults: Option<&str>) {
    end(house, tier);
    let place = house.hsm(tier);
    let _ = std::fs::remove_file(place.log());
    let spec = faults.map(|faults| format!("{faults},{SHORT}"));
    let options: Vec<&str> = spec.iter().flat_map(|spec| ["--faults", spec]).collect();
    let served = place.serve_with(&name(tier), &options).expect("HSM");
    house.hsms.push(served);
}

/// How many faults the HSM has met since it was served.
pub fn met(house: &House, tier: Tier) -> usize {
    let log = std::fs::read_to_string(house.hsm(tier).log()).expect("log");
    log.matches("a fault on purpose").count()
}

/// The disks of a tier's HSM and key service at one moment, taken and put back while neither runs.
pub struct Disks {
    pairs: Vec<(PathBuf, PathBuf)>,
}

impl Disks {
    pub fn of(house: &mut House, tier: Tier) -> Self {
        end(house, tier);
        let kept = house.folder().join("kept");
        std::fs::create_dir_all(&kept).expect("folder");
        let live = [house.hsm(tier).store(), house.kms_store(tier)];
        let copies = ["hsm", "kms"].map(|name| kept.join(name));
        let pairs: Vec<_> = live.into_iter().zip(copies).collect();
        pairs.iter().for_each(|(live, copy)| replace(live, copy));
        Self { pairs }
    }

    pub fn put_back(&self, house: &mut House, tier: Tier) {
        end(house, tier);
        self.pairs
            .iter()
            .for_each(|(live, copy)| replace(copy, live));
    }
}

/// `to` becomes what `from` is, owners and all; nothing where that is nothing.
fn replace(from: &PathBuf, to: &PathBuf) {
    if to.exists() {
        std::fs::remove_dir_all(to).expect("old folder");
    }
    if from.exists() {
        let tool = Tool::foreign("/bin/cp").arg("-a").arg(from).arg(to);
        tool.ok().expect("copy");
    }
}

/// What a tier's HSM holds (keys, tickets, peers with counts of packages), and what its key service says that it holds.
pub fn held(house: &House, tier: Tier) -> Value {
    let place = house.hsm(tier);
    let secret = OperatorSecret::load(&place.operator()).expect("operator");
    let mut client = OperatorClient::connect(place.socket(), &secret).expect("HSM");
    let keys = json!(client.list_keys().expect("keys"));
    let tickets = json!(client.list_tickets().expect("tickets"));
    let peers = json!(client.list_peers().expect("peers"));
    json!({
        "keys": timeless(keys), "tickets": timeless(tickets), "peers": timeless(peers),
        "service": catalogue(house, tier),
    })
}

/// Rows in order, without the time of their making.
fn timeless(mut rows: Value) -> Value {
    let list = rows.as_array_mut().expect("rows");
    for row in list.iter_mut() {
        row.as_object_mut().expect("row").remove("created");
    }
    list.sort_by_key(Value::to_string);
    rows
}

fn catalogue(house: &House, tier: Tier) -> Vec<String> {
    let shown = house.keys(tier).expect("keys");
    let rows = shown["keys"].as_array().or_else(|| shown.as_array());
    let mut texts: Vec<String> = rows
        .expect("rows")
        .iter()
        .map(|row| {
            format!(
                "{} {} {} {}",
                row["name"], row["version"], row["check_value"], row["state"]
            )
        })
        .collect();
    texts.sort();
    texts
}
