//! A registration desk over the real PC/SC daemon, on a card and SAMs that the house made: PIN, read all, update a contact with
//! type 5, record a visit with signature, settle it in the back office; and what each other SAM type is refused.
//!
//! A PC/SC client finds its daemon by an environment variable that it reads once, so the desk works in a child process.

#[path = "../../../cardlib/terminal/tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cardlib_card::profile::Profile;
use cardlib_card::visit::{Day, Visit, VisitKind};
use cardlib_ifd::card as ifd;
use cardlib_reader::pcsc::{PcscCard, Presence, Readers, Sharing};
use cardlib_reader::{Card, Channel};
use cardlib_sim::VirtualCard;
use cardlib_sim::vpcd::{Manner, Slot};
use cardlib_terminal::areas::{Allergy, Clinical, ContactPersons, Holder, Psychiatric};
use cardlib_terminal::blocking::Term;
use cardlib_terminal::office::OfficeError;
use cardlib_terminal::{Anchors, Desk, FlowError, Office, Pin, Session};
use tests_e2e::oracle::tests_folder;
use tests_stand::house::{self, House};
use tests_stand::{Stack, Tool};

tests_e2e::over_both_drivers!(a_desk_reads_updates_records_and_settles,);

const PLACES: &str = "RHC_TEST_DESK";
const NAME: &str = "阿依古丽·麦麦提吐尔逊阿卜杜拉";

fn a_desk_reads_updates_records_and_settles(stack: Stack) {
    let mut house = House::ready_on(stack).expect("house");
    let chip = house.card(&house::card_factors()[0]);
    let reader = house.card_reader(0).clone();
    house.insert(&chip, &reader).expect("card");
    let applicants = tests_folder().join("../issuance/station/examples/applicants.csv");
    let issued = house.personalise(&applicants, 1, &reader);
    issued.and_then(Tool::ok).expect("issue");

    let mut places = vec![format!("card|{}", reader.name)];
    for sam_type in [1, 4, 5] {
        let pin = std::fs::read_to_string(house.sam_pin(sam_type)).expect("pin");
        let name = &house.sam_reader(sam_type).name;
        places.push(format!("{sam_type}|{name}|{}|", pin.trim()));
    }
    // The house makes no SAMs of types 2 and 3: free card readers take minted ones.
    for (sam_type, number) in [(2, 1), (3, 2)] {
        let free = house.card_reader(number);
        places.push(format!(
            "{sam_type}|{}|123456|{}",
            free.name,
            free.place.address()
        ));
    }
    let (name, socket) = house.daemon.environment();
    let status = Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "at_the_desk", "--nocapture"])
        .env(name, socket)
        .env(PLACES, places.join("\n"))
        .status()
        .expect("child");
    assert!(status.success(), "the desk failed, see above");
    // All that was done and undone at the desk: the card is as good as before.
    let verified = house.verify(&reader, 1).expect("verify");
    assert_eq!(verified.json().expect("json")["verdict"], "genuine");
}

/// The card and the SAMs in their readers.
struct Place {
    card: PcscCard,
    sams: Vec<(u8, PcscCard, Pin)>,
}

impl Place {
    fn open() -> Self {
        let text = std::env::var(PLACES).expect("started by the test above");
        let (mut card, mut sams) = (None, Vec::new());
        for line in text.lines() {
            match line.split('|').collect::<Vec<_>>().as_slice() {
                ["card", reader] => card = Some(connect(reader)),
                [sam_type, reader, pin, address] => {
                    let sam_type = sam_type.parse().expect("a type");
                    if !address.is_empty() {
                        mint(sam_type, address);
                    }
                    sams.push((sam_type, connect(reader), Pin::new(pin).expect("pin")));
                }
                _ => panic!("not a place: {line}"),
            }
        }
        let card = card.expect("a card");
        Self { card, sams }
    }

    /// Serves the card with the SAM of this type.
    fn serve<T>(
        &mut self,
        sam_type: u8,
        act: impl FnOnce(&mut Session<'_>) -> Result<T, FlowError>,
    ) -> Result<T, FlowError> {
        let found = self.sams.iter_mut().find(|(of, ..)| *of == sam_type);
        let (_, sam, pin) = found.expect("a SAM of this type");
        let profile = Profile::rhc_2012();
        Desk::new(profile, &mut self.card, sam, pin, today()).serve(act)
    }
}

/// Waits for a card that is being put in.
fn connect(reader: &str) -> PcscCard {
    let readers = Readers::open().expect("daemon");
    let seen = readers.wait(reader, Presence::Present, Duration::from_secs(20));
    assert_eq!(seen, Ok(true), "no card in {reader}");
    readers
        .connect(reader, Sharing::Exclusive)
        .expect("the card")
}

/// The end of the test closes the reader: whatever the serving gives then is no matter of the test.
fn mint(sam_type: u8, address: &str) {
    let (address, mut sam) = (address.to_owned(), support::sam(sam_type));
    let patience = Duration::from_secs(20);
    std::thread::spawn(move || {
        if address.starts_with('/') {
            let slot = ifd::Slot::connect(Path::new(&address), patience).expect("reader");
            let _ = slot.serve(&mut Plugged(sam), ifd::Manner::default());
        } else {
            let slot = Slot::connect(&address, patience).expect("reader");
            let _ = slot.serve(&mut sam, Manner::default());
        }
    });
}

/// A minted SAM in a reader of our own driver.
struct Plugged<C>(C);

impl<C: VirtualCard> ifd::Card for Plugged<C> {
    fn reset(&mut self) -> Vec<u8> {
        self.0.reset()
    }

    fn handle(&mut self, command: &[u8]) -> Vec<u8> {
        self.0.handle(command)
    }
}

/// The calendar day in China, which the dates on cards mean.
fn today() -> Day {
    let china = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    let now = jiff::Timestamp::now().to_zoned(china);
    now.strftime("%Y%m%d").to_string().parse().expect("a day")
}

fn visit_of_today() -> Visit {
    let mut visit = support::outpatient();
    if let Visit::Outpatient(visit) = &mut visit {
        visit.seen = format!("{}000000", today()).parse().ok();
    }
    visit
}

fn office(place: &mut Place) -> Office<'static> {
    let mut office = Office::new(Profile::rhc_2012(), Anchors::shipped(), today());
    let issuer = place.serve(5, |session| Ok(session.card().issuer_certificate.clone()));
    office
        .keep(&issuer.expect("the card's issuer"))
        .expect("the ministry's");
    office
        .keep(&support::Papers::default().issuer())
        .expect("the ministry's");
    office
}

#[test]
#[ignore = "runs in the child process of the test above"]
fn at_the_desk() {
    let mut place = Place::open();
    let mut office = office(&mut place);
    read_and_update(&mut place);
    record_and_settle(&mut place, &mut office);
    a_changed_record_is_not_settled(&mut place, &office);
    each_type_is_refused_what_it_may_not(&mut place, &mut office);
    no_right_outlives_the_desk(&mut place);
}

fn read_and_update(place: &mut Place) {
    let outcome = place.serve(5, |session| {
        let all = session.read_everything()?;
        assert!(all.holder.name == NAME && all.photo.starts_with(&[0xFF, 0xD8]));
        assert!(all.holder.identity_number == session.card().number);
        let (before, mut contacts) = (all.contacts.clone(), all.contacts.clone());
        contacts.0[0].telephone = "13911112222".into();
        contacts.0[1].name = "王五".into();
        assert_eq!(session.update(&contacts)?, 2);
        assert!(session.read::<ContactPersons>()? == contacts);
        session.update(&before)
    });
    assert_eq!(outcome, Ok(2), "and back to what it was");
    for sam_type in [1, 4, 5] {
        let chain = place.serve(sam_type, |session| session.check_papers());
        assert!(
            chain.is_ok_and(|chain| chain.by_root),
            "type {sam_type}: up to the TEST root"
        );
    }
}

fn record_and_settle(place: &mut Place, office: &mut Office<'_>) {
    // Types 5 (of the house), 2 and 3 record; type 5 settles what each of them signed.
    for sam_type in [5, 2, 3] {
        let (visit, kind) = (visit_of_today(), VisitKind::Outpatient);
        let number = place.serve(sam_type, |session| session.record_visit(&visit));
        assert_eq!(number, Ok(1), "type {sam_type}");
        let settled = place.serve(5, |session| {
            let settled = session.settle(kind, 1, office)?;
            assert_eq!(session.visits(kind), Ok(vec![]));
            Ok(settled.visit)
        });
        assert!(
            settled.is_ok_and(|settled| settled == visit),
            "type {sam_type}"
        );
    }
}

fn a_changed_record_is_not_settled(place: &mut Place, office: &Office<'_>) {
    let visit = visit_of_today();
    let kind = visit.kind();
    let stored = place.serve(5, |session| {
        session.record_visit(&visit)?;
        session.read_visit(kind, 1)
    });
    let stored = stored.unwrap_or_else(|error| panic!("{error}"));
    assert!(office.verify(kind, &stored.record).is_ok());
    let mut record = stored.record.clone();
    record.data[2790] ^= 0x10;
    assert_eq!(
        office.verify(kind, &record).err(),
        Some(OfficeError::Signature)
    );
    let stranger = Office::new(Profile::rhc_2012(), Anchors::shipped(), today());
    let refused = place.serve(5, |session| {
        let refused = session.settle(kind, 1, &mut { stranger }).map(drop);
        assert!(matches!(
            refused,
            Err(FlowError::Office(OfficeError::UnknownIssuer(_)))
        ));
        session.visits(kind)
    });
    assert_eq!(refused, Ok(vec![1]), "the card keeps its record");
}

/// One visit lies on the card from before.
fn each_type_is_refused_what_it_may_not(place: &mut Place, office: &mut Office<'_>) {
    for (sam_type, wanted) in [
        (1, [true, false, false, false, false, false, false]),
        (2, [true, false, true, true, true, true, false]),
        (3, [true, false, true, false, true, true, false]),
        (4, [false, false, false, false, false, false, false]),
    ] {
        let mut mine = Vec::new();
        let mut note = |outcome: Result<(), FlowError>| {
            if let Err(error) = &outcome {
                let named = matches!(error, FlowError::NotPermitted { sam_type: of, .. } if *of == sam_type);
                assert!(named, "type {sam_type}: {error}");
            }
            mine.push(outcome.is_ok());
        };
        note(place.serve(sam_type, |session| session.read::<Holder>().map(drop)));
        note(place.serve(sam_type, |session| {
            let mut contacts: ContactPersons = session.read()?;
            contacts.0[0].telephone = "1".into();
            session.update(&contacts).map(drop)
        }));
        note(place.serve(sam_type, |session| {
            let mut clinical: Clinical = session.read()?;
            clinical.asthma = !clinical.asthma;
            session.update(&clinical).map(drop)
        }));
        note(place.serve(sam_type, |session| {
            let mut psychiatric: Psychiatric = session.read()?;
            psychiatric.flag = !psychiatric.flag;
            session.update(&psychiatric).map(drop)
        }));
        note(place.serve(sam_type, |session| session.append(&Allergy::default())));
        note(place.serve(sam_type, |session| {
            session.record_visit(&visit_of_today()).map(drop)
        }));
        note(place.serve(sam_type, |session| {
            session.settle(VisitKind::Outpatient, 1, office).map(drop)
        }));
        assert_eq!(mine, wanted, "type {sam_type}");
    }
    let blocked = place.serve(4, |session| {
        session.block_application("DF02", Term::Temporary)?;
        session.unblock_application("DF02")
    });
    assert_eq!(blocked, Ok(()), "type 4 unblocks");
}

/// The card was reset behind each flow: nobody reads without a new authentication.
fn no_right_outlives_the_desk(place: &mut Place) {
    place
        .serve(5, |session| session.read::<Holder>().map(drop))
        .expect("read");
    let mut transaction = place.card.transaction().expect("card");
    for command in ["00A404000C57532E5359532E4444463031", "00A4000002EF06"] {
        transaction
            .transmit(&hex::decode(command).expect("hex"))
            .expect("answer");
    }
    let read = transaction.transmit(&[0x00, 0xB2, 0x01, 0x04, 0x00]);
    assert_eq!(read, Ok(vec![0x69, 0x82]));
}
