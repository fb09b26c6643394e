//! Tokens, their officers, and keys handed down.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use cardlib_card::dialect::{Dialect, Plan};
use cardlib_card::gm::sm2::SigningKey;
use cardlib_card::profile::Profile;
use kms_core::approval::{self, Officer, OfficerSignature};
use kms_core::catalogue;
use kms_core::fill::{self, Job};
use kms_core::port::{
    FillRequest, Hsm, HsmError, HsmIdentity, Mark, Operation, OrderDesk, Outcome, PeerKind, Target,
    TicketOrder,
};
use kms_core::tier::{Factor, Tier};
use kms_hsm::pkcs11::{Pkcs11Hsm, Place, prepare};
use uuid::Uuid;

const LIBRARY: &str = "/usr/lib/softhsm/libsofthsm2.so";
const OFFICERS: [&str; 2] = ["zhang", "li"];
pub const VENDOR: [u8; 2] = [0x54, 0x54];
pub const FAR: u64 = 4_000_000_000;

pub fn profile() -> &'static Profile {
    Profile::named("rhc-aes").unwrap()
}

pub fn tier(name: &str, area: &str) -> Tier {
    Tier::new(name, area).unwrap()
}

/// One tier's token.
pub struct One {
    pub hsm: Pkcs11Hsm,
    pub tier: Tier,
}

/// Three tokens with test keys, handed down.
pub struct House {
    pub ministry: One,
    pub province: One,
    pub prefecture: One,
    _folder: tempfile::TempDir,
}

fn officer_key(name: &str) -> SigningKey {
    SigningKey::from_label(name.as_bytes()).unwrap()
}

pub fn officer(name: &str) -> Officer {
    Officer {
        name: name.into(),
        public_key: officer_key(name).verifying_key().to_bytes(),
    }
}

pub fn signed(text: &str, name: &str) -> OfficerSignature {
    approval::sign(text.as_bytes(), name, &officer_key(name)).unwrap()
}

/// Tokens that the tests use up, one after the other. The library sees what is there when it is initialised.
const TOKENS: usize = 24;
static USED: AtomicUsize = AtomicUsize::new(0);

/// Blank tokens with labels `t0`, `t1`, ….
pub fn make_tokens(conf: &Path) {
    assert!(
        Path::new(LIBRARY).exists(),
        "{LIBRARY} is not there: apt-get install softhsm2"
    );
    for number in 0..TOKENS {
        let mut tool = Command::new("softhsm2-util");
        tool.env("SOFTHSM2_CONF", conf);
        tool.args(["--init-token", "--free", "--label", &format!("t{number}")]);
        tool.args(["--pin", "123456", "--so-pin", "654321"]);
        let made = tool.output().unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
    }
}

impl One {
    /// A fresh token, prepared, with the policy and the roots born at its tier.
    pub fn new(folder: &Path, tier: Tier) -> Self {
        let label = format!("t{}", USED.fetch_add(1, Ordering::Relaxed));
        let (pin, book) = (folder.join("pin"), folder.join(format!("{label}.sqlite")));
        if !pin.exists() {
            write_secret(&pin, b"123456\n");
        }
        let place = Place {
            library: Path::new(LIBRARY),
            token: &label,
            pin_file: &pin,
            book: &book,
        };
        prepare(&place, Mark::Test, &OFFICERS.map(officer)).unwrap();
        let one = Self {
            hsm: Pkcs11Hsm::open(&place).unwrap(),
            tier,
        };
        let mut operations =
            vec![fill::policy(&Dialect::rhc_cos_1().unwrap(), Mark::Test).unwrap()];
        for root in catalogue::roots(profile(), &one.tier) {
            operations.push(Operation::TestKey(root.spec, root.test_label));
        }
        for class in catalogue::transport_classes(&one.tier) {
            let spec = catalogue::transport(*class, VENDOR);
            operations.push(Operation::TestKey(spec, "RHC-TEST-TRANSPORT".into()));
        }
        for operation in operations {
            one.order(operation).unwrap();
        }
        one
    }

    /// Drafted, signed by both, executed.
    pub fn order(&self, operation: Operation) -> Result<Outcome, HsmError> {
        let texts = self.hsm.draft(&[operation], FAR)?;
        let signatures = OFFICERS.map(|name| signed(&texts[0], name));
        self.hsm.execute(&texts[0], &signatures)
    }

    pub fn identity(&self) -> HsmIdentity {
        Hsm::identity(&self.hsm).unwrap()
    }

    pub fn enrol(&self, name: &str, kind: PeerKind, other: &HsmIdentity) {
        let operation = Operation::EnrolPeer {
            name: name.into(),
            kind,
            signing_key: other.signing_key,
            encryption_key: other.encryption_key,
            fingerprint: other.fingerprint,
        };
        self.order(operation).unwrap();
    }

    pub fn package_for(&self, receiver: &str, lower: &Tier) -> Result<String, HsmError> {
        let operation = Operation::ExportPackage {
            receiver: receiver.into(),
            purpose: "test".into(),
            entries: catalogue::hand_down(profile(), &self.tier, lower),
            payload: b"certificates".to_vec(),
        };
        match self.order(operation)? {
            Outcome::Package(text) => Ok(text),
            _ => panic!("a package"),
        }
    }

    pub fn ticket(&self, id: &str, target: Target, count: u64, scripts: u32) {
        let held = self.hsm.keys().unwrap().into_iter();
        let order = TicketOrder {
            id: id.into(),
            target,
            count,
            scripts_per_chip: scripts,
            not_after: FAR,
            base_keys: fill::ticket_base_keys(target, held),
        };
        self.order(Operation::CreateTicket(order)).unwrap();
    }

    pub fn request(&self, plan: Plan, target: Target, ticket: &str, chip: Factor) -> FillRequest {
        let province = *b"41000000";
        let job = Job {
            target,
            request_id: Uuid::new_v4(),
            ticket,
            mark: Mark::Test,
            tier: &self.tier,
            province,
            chip,
            vendor: VENDOR,
        };
        fill::request(profile(), plan, &job).unwrap().0
    }
}

fn write_secret(path: &Path, text: &[u8]) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.unwrap().write_all(text).unwrap();
}

impl House {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let one = |tier| One::new(folder.path(), tier);
        let (ministry, province, prefecture) = (
            one(Tier::Ministry),
            one(tier("province", "41")),
            one(tier("prefecture", "4101")),
        );
        let house = Self {
            ministry,
            province,
            prefecture,
            _folder: folder,
        };
        house.hand_down();
        house
    }

    fn hand_down(&self) {
        for (upper, lower) in [
            (&self.ministry, &self.province),
            (&self.province, &self.prefecture),
        ] {
            upper.enrol("lower", PeerKind::Lower, &lower.identity());
            lower.enrol("upper", PeerKind::Upper, &upper.identity());
            let package = upper.package_for("lower", &lower.tier).unwrap();
            assert!(
                lower
                    .hsm
                    .is_signed_by(&package, &upper.identity().signing_key)
            );
            let label = lower.hsm.inspect(&package).unwrap();
            assert_eq!(label.payload, b"certificates");
            let outcome = lower
                .order(Operation::ImportPackage(package.clone()))
                .unwrap();
            let Outcome::Imported { keys, sequence, .. } = outcome else {
                panic!("imported")
            };
            assert_eq!((keys.len(), sequence), (label.ids.len(), 1));
            assert_eq!(upper.hsm.last_package("lower").unwrap(), package);
        }
    }
}
