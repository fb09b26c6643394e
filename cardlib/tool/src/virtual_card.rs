//! `rhc-card virtual` and `rhc-card forge`: a simulated chip in a reader of the PC/SC daemon.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use cardlib_card::profile::Profile;
use cardlib_ifd::card as ifd;
use cardlib_sim::fault::{Fault, Order};
use cardlib_sim::random::{Random, factor_of_seed};
use cardlib_sim::vpcd::{Leaving, Manner, Slot};
use cardlib_sim::{Chip, CustodianCard, SamCard, Stage, TransportMaster, UserCard, VirtualCard};

use crate::args::{Forge, Place, Virtual, VirtualCustodian, VirtualKind};
use crate::failure::{Failure, profile};
use crate::files;
use crate::text::say;

/// How long a missing reader is waited for: the daemon may still be starting.
const PATIENCE: Duration = Duration::from_secs(10);
/// Vendor of blanks with a transport key of their own ("DE"): they are no TEST cards (D38).
const DEMO_VENDOR: [u8; 2] = [0x44, 0x45];

/// Serves one virtual card until it is pulled or its reader goes away.
pub fn run(kind: VirtualKind) -> Result<(), Failure> {
    match kind {
        VirtualKind::User { card, forge_from } => {
            let profile = profile(&card.profile)?;
            let mut chip = user_card(&card, forge_from.as_deref(), profile)?;
            let facts = (chip.chip(), chip.stage());
            let name = say("user card", "用户卡");
            serve(&mut chip, &card, name, facts, profile)
        }
        VirtualKind::Sam { card } => {
            let profile = profile(&card.profile)?;
            let mut chip = sam(&card, profile)?;
            let facts = (chip.chip(), chip.stage());
            serve(&mut chip, &card, "SAM", facts, profile)
        }
        VirtualKind::Custodian(order) => custodian(&order),
    }
}

/// Makes a forged card's state file.
pub fn forge(order: &Forge) -> Result<(), Failure> {
    let random = Random::from_seed(order.seed);
    let profile = profile(&order.profile)?;
    let card = UserCard::forged(&order.from, Some(&order.out), profile, random)?;
    println!(
        "{} {} → {}",
        say(
            "forged card (random keys) with factor",
            "伪卡（随机密钥），分散因子"
        ),
        hex::encode_upper(card.chip().factor),
        order.out.display()
    );
    Ok(())
}

fn serve(
    chip: &mut dyn VirtualCard,
    order: &Virtual,
    name: &str,
    (facts, stage): (Chip, Stage),
    profile: &Profile,
) -> Result<(), Failure> {
    let state = profile.life_cycle.byte(stage.life_cycle());
    let told = |place: &str| {
        let _ = writeln!(
            std::io::stdout(),
            "{} {name} {} {} {place}, {} {state:02X}",
            say("virtual", "虚拟"),
            hex::encode_upper(facts.factor),
            say("in", "已插入"),
            say("life cycle", "生命周期"),
        );
    };
    let delay = Duration::from_millis(order.delay_ms);
    attach(chip, &order.place, delay, order.fault, told)
}

/// Puts a chip into its reader, tells so, and serves it until it is pulled or the reader goes away.
fn attach(
    chip: &mut dyn VirtualCard,
    place: &Place,
    delay: Duration,
    fault: Option<Order>,
    told: impl Fn(&str),
) -> Result<(), Failure> {
    let pulled = match (&place.vpcd, &place.ifd) {
        (_, Some(path)) => {
            let slot = ifd::Slot::connect(path, PATIENCE)?;
            told(&path.display().to_string());
            let fault = fault.map(|order| (order.at, at_the_card(order.fault)));
            let manner = ifd::Manner { delay, fault };
            slot.serve(&mut Plugged(chip), manner)? == ifd::Leaving::Pulled
        }
        (Some(address), None) => {
            let slot = Slot::connect(address, PATIENCE)?;
            told(address);
            slot.serve(chip, Manner { delay, fault })? == Leaving::Pulled
        }
        // The command line asks for one of the two.
        (None, None) => false,
    };
    if pulled {
        eprintln!("{}", say("pulled, as ordered", "已按要求拔出"));
    }
    Ok(())
}

/// A custodian's card; it has no profile and no factor.
fn custodian(order: &VirtualCustodian) -> Result<(), Failure> {
    let mut card = match &order.state {
        Some(path) if path.exists() => CustodianCard::open(path)?,
        Some(path) => CustodianCard::blank_at(path)?,
        None => CustodianCard::blank(),
    };
    let told = |place: &str| {
        let _ = writeln!(
            std::io::stdout(),
            "{} {place}",
            say("virtual custodian's card in", "虚拟保管人卡已插入"),
        );
    };
    attach(&mut card, &order.place, Duration::ZERO, order.fault, told)
}

/// A simulated chip as a card of our own reader driver.
struct Plugged<'a>(&'a mut dyn VirtualCard);

impl ifd::Card for Plugged<'_> {
    fn reset(&mut self) -> Vec<u8> {
        self.0.reset()
    }

    fn handle(&mut self, command: &[u8]) -> Vec<u8> {
        self.0.handle(command)
    }
}

/// The same misbehaviour in our own reader driver.
fn at_the_card(fault: Fault) -> ifd::Fault {
    match fault {
        Fault::PullAt => ifd::Fault::PullAt,
        Fault::PullAfter => ifd::Fault::PullAfter,
        Fault::SilentAt => ifd::Fault::Silent,
        Fault::ShortAt(len) => ifd::Fault::Short(len),
    }
}

fn user_card(
    order: &Virtual,
    forge_from: Option<&Path>,
    profile: &'static Profile,
) -> Result<UserCard, Failure> {
    let random = || Random::from_seed(order.seed);
    let state = order.state.as_deref();
    if let Some(path) = state.filter(|path| path.exists()) {
        if forge_from.is_some() {
            return Err(already_there(path));
        }
        let card = UserCard::open(path, profile, random())?;
        check_factor(order, card.chip())?;
        return Ok(card);
    }
    if let Some(from) = forge_from {
        return Ok(UserCard::forged(from, state, profile, random())?);
    }
    let (chip, transport) = blank(order, profile)?;
    let key = transport.key_of(&chip.factor);
    match state {
        Some(path) => Ok(UserCard::blank_at(path, profile, chip, key, random())?),
        None => Ok(UserCard::blank(profile, chip, key, random())),
    }
}

fn sam(order: &Virtual, profile: &'static Profile) -> Result<SamCard, Failure> {
    let random = || Random::from_seed(order.seed);
    let state = order.state.as_deref();
    if let Some(path) = state.filter(|path| path.exists()) {
        let sam = SamCard::open(path, profile, random())?;
        check_factor(order, sam.chip())?;
        return Ok(sam);
    }
    let (chip, transport) = blank(order, profile)?;
    let key = transport.key_of(&chip.factor);
    match state {
        Some(path) => Ok(SamCard::blank_at(path, profile, chip, key, random())?),
        None => Ok(SamCard::blank(profile, chip, key, random())),
    }
}

/// What the maker puts into a new blank.
fn blank(order: &Virtual, profile: &Profile) -> Result<(Chip, TransportMaster), Failure> {
    let factor = match (order.factor, order.seed) {
        (Some(factor), _) => factor,
        (None, Some(seed)) => factor_of_seed(seed),
        (None, None) => Random::System.draw().map_err(Failure::environment)?,
    };
    let mut chip = Chip::test(profile, factor);
    let mut transport = TransportMaster::test_of(profile);
    if let Some(path) = &order.transport_key_file {
        let text = files::read_secret(path)?;
        transport = TransportMaster::from_hex_of(profile, &text)
            .map_err(|cause| Failure::wrong(format!("{}: {cause}", path.display())))?;
        chip.vendor = DEMO_VENDOR;
    }
    if let Some(vendor) = order.vendor {
        chip.vendor = vendor;
    }
    Ok((chip, transport))
}

/// A state file has its own factor; another one on the command line is a mix-up.
fn check_factor(order: &Virtual, chip: Chip) -> Result<(), Failure> {
    match order.factor {
        Some(factor) if factor != chip.factor => Err(Failure::Usage(format!(
            "{} {}",
            say(
                "the state file's card has another factor:",
                "状态文件中的卡分散因子不同："
            ),
            hex::encode_upper(chip.factor)
        ))),
        _ => Ok(()),
    }
}

fn already_there(path: &Path) -> Failure {
    Failure::Usage(format!(
        "{}: {}",
        path.display(),
        say(
            "this state file exists; a forgery needs a new one",
            "状态文件已存在；伪卡需要新文件"
        )
    ))
}
