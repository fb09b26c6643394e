//! A device: a reader with a user card, one with a SAM, and what the program told it. Every flow is one transaction on both
//! that ends in a reset ([`Desk`]); connections outlive flows, rights do not.

use cardlib_card::profile::Profile;
use cardlib_card::visit::Day;
use cardlib_reader::pcsc::Readers;
use cardlib_reader::trace;
use cardlib_reader::{Channel, ReaderError, Transaction};
use cardlib_terminal::sam::require_active;
use cardlib_terminal::{Anchors, Desk, FlowError, Part, Pin, Session, UserCard};

use crate::code::{Code, Fault};
use crate::config::{self, Config, DeviceConfig};
use crate::slot::Slot;
use crate::visits::Draft;

/// What is known of the SAM's PIN.
enum KnownPin {
    /// Nothing yet; the PIN file will say.
    Unasked,
    Given(Pin),
    /// The SAM refused it: trying again by ourselves would block the SAM.
    Refused,
}

/// The interface's slot numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotNumber {
    User = 0x01,
    Psam = 0x11,
    Test = 0x12,
}

impl SlotNumber {
    /// # Errors
    /// [`Code::Parameter`] for any other number.
    pub fn new(number: i32) -> Result<Self, Fault> {
        match number {
            0x01 => Ok(Self::User),
            0x11 => Ok(Self::Psam),
            0x12 => Ok(Self::Test),
            _ => Err(Fault::parameter(
                "no such slot: 0x01 is the card, 0x11 the SAM, 0x12 the test socket",
                "没有该卡座：0x01 为用户卡，0x11 为 SAM，0x12 为测试卡座",
            )),
        }
    }
}

/// A pair of readers at work.
pub struct Device {
    pub(crate) profile: &'static Profile,
    pub(crate) anchors: Anchors,
    pub(crate) config: DeviceConfig,
    card: Slot,
    sam: Slot,
    test: Option<Slot>,
    pin: KnownPin,
    pub(crate) drafts: Vec<Draft>,
}

impl Device {
    /// Takes device `index` of a configuration; its readers must be there, cards need not.
    ///
    /// # Errors
    /// [`Code::Connect`] when the daemon or a reader is missing.
    pub fn open(config: &Config, index: usize) -> Result<Self, Fault> {
        let device = config
            .devices
            .get(index)
            .ok_or_else(|| Fault::new(Code::Connect, "no such device", "配置中没有该设备"))?;
        let readers = Readers::open().map_err(|cause| Fault::reader(&cause))?;
        let test = device.test.as_deref();
        for wanted in [device.card.as_str(), &device.sam].into_iter().chain(test) {
            readers
                .find(wanted)
                .map_err(|cause| Fault::reader(&cause))?;
        }
        Ok(Self {
            profile: config.profile,
            anchors: config.anchors.clone(),
            card: Slot::new(&device.card, device),
            sam: Slot::new(&device.sam, device),
            test: test.map(|wanted| Slot::new(wanted, device)),
            config: device.clone(),
            pin: KnownPin::Unasked,
            drafts: Vec::new(),
        })
    }

    /// The reader of a slot.
    ///
    /// # Errors
    /// [`Code::Parameter`] for the test socket of a device that has none.
    pub fn slot(&mut self, number: SlotNumber) -> Result<&mut Slot, Fault> {
        match number {
            SlotNumber::User => Ok(&mut self.card),
            SlotNumber::Psam => Ok(&mut self.sam),
            SlotNumber::Test => self.test.as_mut().ok_or_else(|| {
                Fault::parameter("this device has no test socket", "本设备没有测试卡座")
            }),
        }
    }

    /// Resets the card in a slot; its answer to reset.
    ///
    /// # Errors
    /// The device layer's numbers.
    pub fn power_on(&mut self, number: SlotNumber) -> Result<Vec<u8>, Fault> {
        if number == SlotNumber::User {
            self.drafts.clear();
        }
        let slot = self.slot(number)?;
        slot.power().map_err(|cause| {
            slot.forget();
            Fault::reader(&cause)
        })
    }

    /// Sends a command as it is.
    ///
    /// # Errors
    /// The device layer's numbers.
    pub fn send_apdu(&mut self, number: SlotNumber, command: &[u8]) -> Result<Vec<u8>, Fault> {
        let sent = self.slot(number)?.send(command);
        sent.map_err(|cause| Fault::reader(&cause))
    }

    /// Serves the card with the SAM: genuine, valid, both reset afterwards.
    ///
    /// # Errors
    /// What stopped it.
    pub fn serve<T>(
        &mut self,
        act: impl FnOnce(&mut Session<'_>) -> Result<T, FlowError>,
    ) -> Result<T, Fault> {
        self.serve_as(Fault::from, act)
    }

    /// As [`Device::serve`] for what comes from the card: data that are not of their form are the card's fault then.
    ///
    /// # Errors
    /// What stopped it.
    pub fn serve_reading<T>(
        &mut self,
        act: impl FnOnce(&mut Session<'_>) -> Result<T, FlowError>,
    ) -> Result<T, Fault> {
        self.serve_as(Fault::reading, act)
    }

    fn serve_as<T>(
        &mut self,
        fault: fn(FlowError) -> Fault,
        act: impl FnOnce(&mut Session<'_>) -> Result<T, FlowError>,
    ) -> Result<T, Fault> {
        let (pin, today) = (self.pin()?, today()?);
        let at = |part| move |cause| FlowError::Reader { part, cause };
        // A raw transaction on either ends before the other is begun.
        let mut card = self.card.card().map_err(at(Part::Card))?;
        let sam = self.sam.card().map_err(at(Part::Sam));
        let (outcome, swapped) = match sam {
            Err(cause) => (Err(cause), false),
            Ok(mut sam) => {
                let desk = Desk::new(self.profile, &mut card, &mut sam, &pin, today);
                let outcome = desk.trusting(self.anchors.clone()).serve(act);
                (outcome, card.swapped())
            }
        };
        outcome.map_err(|cause| self.after(cause, swapped, fault))
    }

    /// A flow on the card alone.
    ///
    /// # Errors
    /// What stopped it.
    pub fn with_card<T>(
        &mut self,
        act: impl FnOnce(&mut UserCard<'_>) -> Result<T, FlowError>,
    ) -> Result<T, Fault> {
        let profile = self.profile;
        let part = Part::Card;
        let mut swapped = false;
        let outcome = match self.card.card() {
            Err(cause) => Err(FlowError::Reader { part, cause }),
            Ok(mut card) => {
                let outcome = alone(&mut card, part, |channel, atr| {
                    act(&mut UserCard::new(profile, channel, atr)?)
                });
                swapped = card.swapped();
                outcome
            }
        };
        outcome.map_err(|cause| self.after(cause, swapped, Fault::from))
    }

    /// A flow on the SAM alone.
    ///
    /// # Errors
    /// What stopped it.
    pub fn with_sam<T>(
        &mut self,
        act: impl FnOnce(&Profile, &mut dyn Channel) -> Result<T, FlowError>,
    ) -> Result<T, Fault> {
        let profile = self.profile;
        let part = Part::Sam;
        let outcome = match self.sam.card() {
            Err(cause) => Err(FlowError::Reader { part, cause }),
            Ok(mut sam) => alone(&mut sam, part, |channel, atr| {
                require_active(profile, atr)?;
                act(profile, channel)
            }),
        };
        outcome.map_err(|cause| self.after(cause, false, Fault::from))
    }

    /// The PIN that flows use: given by the program, else the PIN file's.
    pub(crate) fn pin(&self) -> Result<Pin, Fault> {
        match (&self.pin, &self.config.pin_file) {
            (KnownPin::Given(pin), _) => Ok(pin.clone()),
            (KnownPin::Unasked, Some(path)) => config::pin(path),
            (KnownPin::Unasked, None) => Err(Fault::new(
                Code::Psam,
                "no PIN: call iVerifyPIN, or name a pin_file in the configuration",
                "没有 PIN：请调用 iVerifyPIN，或在配置中指定 pin_file",
            )),
            (KnownPin::Refused, _) => Err(Fault::new(
                Code::Psam,
                "the SAM refused the PIN before and it is not tried again; call iVerifyPIN with the right one",
                "SAM 已拒绝该 PIN，不再自动重试；请用正确的 PIN 调用 iVerifyPIN",
            )),
        }
    }

    /// Takes a PIN that the SAM has just accepted.
    pub(crate) fn learn(&mut self, pin: Pin) {
        self.pin = KnownPin::Given(pin);
    }

    /// What a failure leaves behind: a connection that is let go, a PIN that is not tried again.
    fn after(&mut self, cause: FlowError, swapped: bool, fault: fn(FlowError) -> Fault) -> Fault {
        match &cause {
            FlowError::PinWrong { .. } | FlowError::PinBlocked => self.pin = KnownPin::Refused,
            FlowError::Reader { part, .. } | FlowError::NotReset { part, .. } => match part {
                Part::Card => self.card.forget(),
                Part::Sam => self.sam.forget(),
            },
            _ => {}
        }
        if swapped {
            return Fault::new(
                Code::NoCard,
                "another card than the one that was powered lies in the reader; call PowerOn",
                "读卡器中的卡已更换；请重新调用 PowerOn",
            );
        }
        fault(cause)
    }
}

/// A transaction on one chip that ends in a reset, also on error.
fn alone<T>(
    card: &mut dyn cardlib_reader::Card,
    part: Part,
    act: impl FnOnce(&mut dyn Channel, &[u8]) -> Result<T, FlowError>,
) -> Result<T, FlowError> {
    let begun = Transaction::begin(card).map_err(|cause| FlowError::Reader { part, cause })?;
    let atr = begun.atr().to_vec();
    let mut chip = trace::logged(begun);
    let outcome = act(&mut chip, &atr);
    match chip.into_inner().end() {
        Ok(()) | Err(ReaderError::CardLost | ReaderError::NoCard(_)) => outcome,
        Err(cause) => outcome.and(Err(FlowError::NotReset { part, cause })),
    }
}

/// The day in China, which the dates on cards mean.
///
/// # Errors
/// [`Code::Device`] when this computer's clock shows none.
pub fn today() -> Result<Day, Fault> {
    let china = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    let now = jiff::Timestamp::now().to_zoned(china);
    let day = now.strftime("%Y%m%d").to_string().parse();
    day.map_err(|_| {
        Fault::new(
            Code::Device,
            "this computer's clock shows no day of the calendar; set it",
            "本机时钟不正确；请校正",
        )
    })
}
