//! Three key services over their HSMs: initialised, enrolled with each other, keys handed down, tickets granted.
//!
//! The persons: wang asks, the tier's two officers approve. Order to an HSM always carries both officers' keys.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::house::{self, House};
use crate::machine::Machine;
use crate::ports;
use crate::process::{Service, Tool};

const READY_WITHIN: Duration = Duration::from_secs(20);
/// Who asks; never one of those who approve.
const ASKS: &str = "wang";
pub const CARD_TICKET: &str = "cards";
const NATIONAL_TICKET: &str = "sam-national";
const PROVINCIAL_TICKET: &str = "sam-provincial";

/// The three tiers of the demonstration: ministry, province 41, prefecture 4101.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    Ministry,
    Province,
    Prefecture,
}

impl Tier {
    pub const ALL: [Tier; 3] = [Tier::Ministry, Tier::Province, Tier::Prefecture];

    pub fn word(self) -> &'static str {
        match self {
            Self::Ministry => "ministry",
            Self::Province => "province",
            Self::Prefecture => "prefecture",
        }
    }

    pub fn area(self) -> &'static str {
        match self {
            Self::Ministry => "0",
            Self::Province => "41",
            Self::Prefecture => "4101",
        }
    }

    /// The two officers of its HSM.
    pub fn officers(self) -> [&'static str; 2] {
        match self {
            Self::Ministry => ["zhao", "qian"],
            Self::Province => ["sun", "li"],
            Self::Prefecture => ["zhou", "wu"],
        }
    }

    /// Its name as a peer of another tier.
    pub fn peer(self) -> String {
        match self {
            Self::Ministry => "ministry".to_owned(),
            _ => format!("{}-{}", self.word(), self.area()),
        }
    }

    /// The ticket that pays its stage of a SAM.
    pub fn sam_ticket(self) -> &'static str {
        if self == Self::Ministry {
            NATIONAL_TICKET
        } else {
            PROVINCIAL_TICKET
        }
    }
}

/// A running key service.
pub struct Running {
    pub tier: Tier,
    pub service: Service,
    pub port: u16,
}

impl Running {
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }
}

impl House {
    pub fn kms_store(&self, tier: Tier) -> PathBuf {
        self.folder().join(format!("kms-{}", tier.area()))
    }

    /// `rhc-kms WORDS --store …` of a tier.
    pub fn kms(&self, tier: Tier, words: &str) -> Result<Tool> {
        let tool = Tool::new("rhc-kms")?
            .words(words)
            .arg("--store")
            .arg(self.kms_store(tier));
        Ok(self.machine.environment(tool, &self.hsm(tier)))
    }

    /// The same with both officers' keys.
    pub fn kms_order(&self, tier: Tier, words: &str) -> Result<Tool> {
        let place = self.hsm(tier);
        let mut tool = self.kms(tier, words)?;
        for name in &place.officers {
            tool = tool.arg("--as").arg(place.officer_key(name));
        }
        Ok(tool)
    }

    /// Stores at all three tiers, with the test keys of a rehearsal; a token, which knows no ceremonies, makes them at once.
    pub fn init_tiers(&mut self) -> Result<()> {
        for tier in Tier::ALL {
            if self.machine == Machine::Token {
                self.init_tool(tier)?.ok()?;
            } else {
                self.found_tool(tier)?.ok()?;
                self.rehearse(tier)?;
            }
        }
        Ok(())
    }

    /// `rhc-kms init` of a tier with test keys.
    pub fn init_tool(&self, tier: Tier) -> Result<Tool> {
        self.init_with(tier, self.kms_order(tier, "init --mark test --test-keys")?)
    }

    /// `rhc-kms init` of a tier without keys.
    pub fn found_tool(&self, tier: Tier) -> Result<Tool> {
        self.init_with(tier, self.kms(tier, "init --mark test")?)
    }

    fn init_with(&self, tier: Tier, tool: Tool) -> Result<Tool> {
        let place = self.hsm(tier);
        let mut tool = tool.arg("--tier").arg(tier.word());
        if tier != Tier::Ministry {
            tool = tool.arg("--area").arg(tier.area());
        }
        tool = tool
            .arg("--hsm")
            .arg(self.machine.address(&place))
            .arg("--profile")
            .arg(self.machine.profile());
        if self.machine == Machine::Daemon {
            tool = tool.arg("--hsm-officer").arg(place.officer_socket());
            tool = tool.arg("--operator-cred").arg(place.operator());
        }
        for name in &place.officers {
            tool = tool
                .arg("--officer")
                .arg(format!("{name}={}.pub", place.officer_key(name).display()));
        }
        Ok(tool)
    }

    /// Each HSM's key is certified at the other end, then keys go from the ministry to the province to the prefecture, and a
    /// receipt back.
    pub fn hand_down(&mut self) -> Result<()> {
        for (upper, lower) in [
            (Tier::Ministry, Tier::Province),
            (Tier::Province, Tier::Prefecture),
        ] {
            self.enrol(upper, lower)?;
            self.enrol(lower, upper)?;
            let package = self.package(upper, lower)?;
            let import = self.kms_order(lower, "import")?.arg(package);
            if self.machine == Machine::Token {
                // A token signs no receipts.
                import.ok()?;
                continue;
            }
            let receipt = self.folder().join(format!("receipt-{}.json", lower.area()));
            import.arg("--receipt").arg(&receipt).ok()?;
            self.kms(upper, "handdown receipt")?.arg(receipt).ok()?;
        }
        Ok(())
    }

    /// Makes `peer` known at `tier`.
    pub fn enrol(&self, tier: Tier, peer: Tier) -> Result<()> {
        let info = self.hsm_file(peer)?;
        self.kms(tier, "hsm enrol")?
            .arg("--by")
            .arg(ASKS)
            .arg("--peer-info")
            .arg(&info)
            .ok()?;
        self.kms_order(tier, "hsm confirm")?
            .arg("--peer")
            .arg(peer.peer())
            .ok()
            .map(drop)
    }

    /// Asked for below, granted by two above: the package file.
    pub fn package(&self, upper: Tier, lower: Tier) -> Result<PathBuf> {
        let request = self.folder().join(format!("request-{}.json", lower.area()));
        let package = self.folder().join(format!("package-{}.json", lower.area()));
        self.kms(lower, "request")?
            .arg("--by")
            .arg(ASKS)
            .arg("--out")
            .arg(&request)
            .ok()?;
        let granted = self
            .kms(upper, "grant --json")?
            .arg("--by")
            .arg(ASKS)
            .arg("--request")
            .arg(&request)
            .ok()?
            .json()?;
        let id = text_of(&granted, &["grant", "id", "grant_id"])?;
        self.kms_order(upper, "grant")?
            .arg("--approve")
            .arg(id)
            .arg("--out")
            .arg(&package)
            .ok()?;
        Ok(package)
    }

    /// Identities of registry, stations, hospital and clerk, each from the key service of its area.
    pub fn issue_identities(&self) -> Result<()> {
        for (tier, role, file) in [
            (Tier::Province, "registry", "registry-41"),
            (Tier::Province, "station", "station-41"),
            (Tier::Province, "clerk", "clerk-41"),
            (Tier::Prefecture, "station", "station-4101"),
            (Tier::Prefecture, "hospital", "hospital-4101"),
        ] {
            let tool = self
                .kms(tier, "identity issue")?
                .arg("--role")
                .arg(role)
                .arg("--name")
                .arg(file);
            tool.arg("--out").arg(self.identity(file)).ok()?;
        }
        Ok(())
    }

    /// The maker's signed lists of cards and SAMs, and tickets to make them.
    pub fn deliver(&self) -> Result<()> {
        let cards = self.delivery_list("card", 1, &house::card_factors())?;
        let chips: Vec<String> = (1..=5).map(house::chip_serial).collect();
        let sams = self.delivery_list("sam", 1, &chips)?;
        for (tier, list) in [
            (Tier::Ministry, &sams),
            (Tier::Province, &sams),
            (Tier::Prefecture, &cards),
        ] {
            self.kms(tier, "delivery import")?.arg(list).ok()?;
        }
        self.ticket(Tier::Ministry, NATIONAL_TICKET, "sam-national", 10)?;
        self.ticket(Tier::Province, PROVINCIAL_TICKET, "sam-provincial", 20)?;
        self.ticket(Tier::Prefecture, CARD_TICKET, "card", 100)
    }

    /// Further cards of the maker, for tests that need many.
    pub fn deliver_cards(&self, sequence: u32, factors: &[String]) -> Result<()> {
        let list = self.delivery_list("card", sequence, factors)?;
        let tool = self.kms(Tier::Prefecture, "delivery import")?;
        tool.arg(list).ok().map(drop)
    }

    /// A signed list of the test maker.
    pub fn delivery_list(&self, kind: &str, sequence: u32, items: &[String]) -> Result<PathBuf> {
        let path = self.folder().join(format!("lists/{kind}s-{sequence}.json"));
        let mut tool = Tool::new("rhc-card")?
            .words("delivery-list --maker 5454 --product RHC-SIM --mark test --sequence")
            .arg(sequence.to_string());
        tool = tool.arg("--kind").arg(kind).arg("--out").arg(&path);
        for item in items {
            tool = tool.arg("--item").arg(item);
        }
        tool.ok()?;
        Ok(path)
    }

    /// A ticket asked for by one and approved by two.
    pub fn ticket(&self, tier: Tier, id: &str, kind: &str, quantity: u32) -> Result<()> {
        let tool = self
            .kms(tier, "ticket request")?
            .arg("--by")
            .arg(ASKS)
            .arg("--id")
            .arg(id)
            .arg("--kind")
            .arg(kind);
        tool.arg("--quantity").arg(quantity.to_string()).ok()?;
        self.kms_order(tier, "ticket approve")?
            .arg(id)
            .ok()
            .map(drop)
    }

    /// Starts the three services.
    pub fn serve_tiers(&mut self) -> Result<()> {
        for tier in Tier::ALL {
            let running = self.serve_tier(tier, ports::free()?)?;
            self.tiers.push(running);
        }
        Ok(())
    }

    /// Starts one of them on that port.
    pub fn serve_tier(&self, tier: Tier, port: u16) -> Result<Running> {
        let tool = self
            .kms(tier, "serve")?
            .arg("--listen")
            .arg(format!("127.0.0.1:{port}"));
        let log = self.folder().join(format!("logs/kms-{}.log", tier.area()));
        let mut service =
            Service::start(&format!("kms {}", tier.word()), tool.into_command(), &log)?;
        service.wait_port(port, READY_WITHIN)?;
        Ok(Running {
            tier,
            service,
            port,
        })
    }

    /// The catalogue of a tier, as `rhc-kms keys --json` prints it.
    pub fn keys(&self, tier: Tier) -> Result<serde_json::Value> {
        self.kms(tier, "keys")?.arg("--json").ok()?.json()
    }
}

/// The first of these fields that is text.
fn text_of(document: &serde_json::Value, fields: &[&str]) -> Result<String> {
    let found = fields.iter().find_map(|field| document[*field].as_str());
    Ok(found
        .with_context(|| format!("none of {fields:?} in {document}"))?
        .to_owned())
}

/// Whether a path is one of a virtual chip's own files, the only ones that may hold keys.
pub fn is_chip_state(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "state" || extension == "journal")
        && path
            .parent()
            .is_some_and(|parent| parent.ends_with("chips"))
}
