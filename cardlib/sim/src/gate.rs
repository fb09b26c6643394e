//! The personalisation dialect's door, the same for user card and SAM: who may come in, and until when.
//!
//! A session ends with the first command of CLA 80 or 84 whose MAC was not found right, for whatever reason, and
//! with any SELECT. INITIALIZE UPDATE serves the command directly after it; fetching its answer is not a command
//! in between.

use cardlib_card::status::Status;
use zeroize::Zeroizing;

use crate::answer::{Answer, Outcome};
use crate::apdu::{Incoming, require};
use crate::channel::{LAST_COUNTER, Level, Opening, Session};
use crate::crypto::{BLOCK, Key};
use crate::stage::{BaseKey, Chip};

/// INS of the dialect.
pub mod ins {
    /// INITIALIZE UPDATE (CLA 80).
    pub const INITIALIZE_UPDATE: u8 = 0x50;
    /// EXTERNAL AUTHENTICATE (CLA 84).
    pub const EXTERNAL_AUTHENTICATE: u8 = 0x82;
    /// WRITE KEY.
    pub const WRITE_KEY: u8 = 0xD4;
    /// CREATE FILE.
    pub const CREATE_FILE: u8 = 0xE0;
    /// STORE DATA.
    pub const STORE_DATA: u8 = 0xDA;
    /// WIPE.
    pub const WIPE: u8 = 0xE4;
    /// SET STATE.
    pub const SET_STATE: u8 = 0xF0;
    /// GENERATE KEY PAIR (SAM).
    pub const GENERATE_KEY_PAIR: u8 = 0x46;
    /// IMPORT KEY PAIR (SAM).
    pub const IMPORT_KEY_PAIR: u8 = 0xD8;
    /// PROVE KEY PAIR (SAM).
    pub const PROVE_KEY_PAIR: u8 = 0x48;
    /// SET PIN (SAM).
    pub const SET_PIN: u8 = 0x24;
    /// SET CEILING (active SAM).
    pub const SET_CEILING: u8 = 0xDC;
    /// RETIRE KEY (active SAM).
    pub const RETIRE_KEY: u8 = 0xE6;
    /// MANAGE SAM: lock, unlock, destroy (active SAM).
    pub const MANAGE: u8 = 0xF2;
}

/// Key version that asks for whichever key the card offers.
const PROBE: u8 = 0xFF;
/// Longest content of one command: 255 less the MAC, less a byte of padding, in whole blocks.
const MAX_CONTENT: usize = 239;

/// How long a command's content is.
#[derive(Clone, Copy)]
pub enum Content {
    /// Exactly this many bytes.
    Exactly(usize),
    /// At least this many.
    AtLeast(usize),
}

impl Content {
    fn fits(self, plain: usize) -> bool {
        match self {
            Self::Exactly(len) => plain == len,
            Self::AtLeast(len) => (len..=MAX_CONTENT).contains(&plain),
        }
    }

    /// Whether Lc can carry such content, in the clear or encrypted.
    fn fits_sent(self, lc: usize) -> bool {
        let plain = |len| Session::sent_len(Level::Mac, len);
        let cipher = |len| Session::sent_len(Level::CipherAndMac, len);
        match self {
            Self::Exactly(len) => lc == plain(len) || lc == cipher(len),
            Self::AtLeast(len) => (plain(len)..=cipher(MAX_CONTENT)).contains(&lc),
        }
    }
}

/// A WRITE KEY command's content, taken apart and checked.
pub struct NewKey {
    /// The nine bytes that say which key it is.
    pub header: [u8; 9],
    /// The key.
    pub key: Key,
}

/// The door's state; all of it is lost at reset.
#[derive(Default)]
pub struct Gate {
    opening: Option<Opening>,
    session: Option<Session>,
    /// What the command now under way may use.
    offered: Option<Opening>,
    entering: Option<Session>,
}

impl Gate {
    /// Forgets everything.
    pub fn close(&mut self) {
        *self = Self::default();
    }

    /// Notes that a command begins; GET RESPONSE is not announced here.
    pub fn begin(&mut self, command: &Incoming<'_>) {
        self.offered = self.opening.take();
        self.entering = None;
        if matches!(command.cla, 0x80 | 0x84) {
            self.entering = self.session.take();
        } else if command.ins == 0xA4 {
            self.session = None;
        }
    }

    /// INITIALIZE UPDATE; `state` is the life-cycle byte.
    ///
    /// # Errors
    /// 6A86, 6700, 6A88.
    pub fn initialize_update(
        &mut self,
        command: &Incoming<'_>,
        chip: &Chip,
        base: &BaseKey,
        state: u8,
    ) -> Answer {
        command.p1p2_is(|_, p2| p2 == 0)?;
        command.lc_is(|lc| lc == 8)?;
        require(
            command.p1 == base.version || command.p1 == PROBE,
            Status::NO_KEY,
        )?;
        let mut host_challenge = [0u8; 8];
        host_challenge.copy_from_slice(command.data);
        let opening = Opening::new(&base.key, base.counter, host_challenge);
        let mut answer = Vec::with_capacity(29);
        answer.extend_from_slice(&chip.factor);
        answer.push(base.version);
        answer.extend_from_slice(&base.counter.to_be_bytes()[1..]);
        answer.push(state);
        answer.extend_from_slice(&opening.card_challenge());
        answer.extend_from_slice(&opening.card_cryptogram());
        self.opening = Some(opening);
        Ok(Outcome::Waiting(answer))
    }

    /// EXTERNAL AUTHENTICATE. The caller advances the counter durably and then lets the session in with [`Self::admit`].
    ///
    /// # Errors
    /// 6A86, 6700, 6985, 6300.
    pub fn external_authenticate(
        &mut self,
        command: &Incoming<'_>,
        base: &BaseKey,
    ) -> Result<Session, Status> {
        command.p1p2_is(|_, p2| p2 == 0)?;
        let level = Level::from_p1(command.p1).ok_or(Status::P1P2)?;
        command.lc_is(|lc| lc == 16)?;
        let opening = self.offered.take().ok_or(Status::CONDITIONS)?;
        require(base.counter < LAST_COUNTER, Status::CONDITIONS)?;
        opening
            .authenticate(command, level)
            .ok_or(Status::CRYPTOGRAM)
    }

    /// The session is open from now on.
    pub fn admit(&mut self, session: Session) {
        self.session = Some(session);
    }

    /// Lets a command of the session in: Lc, session, MAC, padding, content length, in this order.
    ///
    /// # Errors
    /// 6700, 6985, 6988, 6A80.
    pub fn enter(
        &mut self,
        command: &Incoming<'_>,
        content: Content,
    ) -> Result<Zeroizing<Vec<u8>>, Status> {
        command.lc_is(|lc| content.fits_sent(lc))?;
        let mut session = self.entering.take().ok_or(Status::CONDITIONS)?;
        let plain = session.open(command).ok_or(Status::SM_WRONG)?;
        self.session = Some(session);
        plain
            .filter(|plain| content.fits(plain.len()))
            .ok_or(Status::DATA)
    }

    /// WRITE KEY's content: `header(9) ‖ wrapped key(16) ‖ check value(3)`.
    ///
    /// # Errors
    /// As [`Self::enter`]; 6A80 when the check value is not the key's.
    pub fn enter_key(&mut self, command: &Incoming<'_>) -> Result<NewKey, Status> {
        let content = self.enter(command, Content::Exactly(9 + BLOCK + 3))?;
        let (header, rest) = content.split_first_chunk::<9>().ok_or(Status::DATA)?;
        let (wrapped, check) = rest.split_first_chunk::<BLOCK>().ok_or(Status::DATA)?;
        let session = self.session.as_ref().ok_or(Status::CONDITIONS)?;
        let key = session.unwrap_key(wrapped);
        require(key.check_value() == check, Status::DATA)?;
        Ok(NewKey {
            header: *header,
            key,
        })
    }
}
