//! The card of a ceremony's custodian: a plain ISO/IEC 7816-4 application with three transparent files behind one PIN
//! (`docs/custodian-card.md`). It knows nothing of shares: what lies in the files is its reader's affair.
//!
//! The PIN's counter is spent before the comparison and every UPDATE BINARY is one commit, so a card that loses power keeps
//! the old or the new bytes of that command.

use std::path::Path;

use cardlib_card::apdu::{Command, Response};
use cardlib_card::status::Status;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::VirtualCard;
use crate::nvm::{Kind, Memory, Nvm, StateError};

/// TB1 = 00, TC1 = 02, then the historical bytes `RHCCUST1`.
const ATR: [u8; 12] = *b"\x3B\x68\x00\x02RHCCUST1";
/// A proprietary application identifier (first half-byte F).
const AID: [u8; 8] = *b"\xF0RHCCUST";
/// The PIN's reference in P2: local, number 1.
const PIN: u8 = 0x81;
const PIN_LEN: usize = 8;
const TRIES: u8 = 3;
/// `000000`, filled up with FF: good for nothing but choosing a PIN.
const TRANSPORT: [u8; PIN_LEN] = *b"000000\xFF\xFF";
/// The holder's name; free to read.
const HOLDER: usize = 0;
/// Sizes of the files 0001 to 0003.
const SIZES: [usize; 3] = [64, 2048, 2048];

/// What a card keeps.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Contents {
    pin: [u8; PIN_LEN],
    /// The transport PIN has been replaced.
    own: bool,
    tries: u8,
    files: Vec<Vec<u8>>,
}

/// One change.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub enum Change {
    Tries(u8),
    Pin([u8; PIN_LEN]),
    Write(usize, usize, Vec<u8>),
}

impl Memory for Contents {
    type Change = Change;
    const KIND: Kind = Kind::Custodian;

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Tries(left) => self.tries = *left,
            Change::Pin(pin) => (self.pin, self.own, self.tries) = (*pin, true, TRIES),
            Change::Write(file, at, bytes) => {
                let place = at
                    .checked_add(bytes.len())
                    .and_then(|end| self.files.get_mut(*file)?.get_mut(*at..end));
                if let Some(place) = place {
                    place.copy_from_slice(bytes);
                }
            }
        }
    }
}

/// The card, and what it forgets at every reset.
pub struct CustodianCard {
    nvm: Nvm<Contents>,
    selected: bool,
    file: Option<usize>,
    verified: bool,
}

impl CustodianCard {
    /// A new card as its maker delivers it, for as long as the process lives.
    #[must_use]
    pub fn blank() -> Self {
        Self::on(Nvm::volatile(delivered()))
    }

    /// A new card with a state file.
    ///
    /// # Errors
    /// [`StateError`], also when the file exists.
    pub fn blank_at(path: &Path) -> Result<Self, StateError> {
        Ok(Self::on(Nvm::create(path, delivered())?))
    }

    /// The card of a state file.
    ///
    /// # Errors
    /// [`StateError`] says what is wrong with the file.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        Ok(Self::on(Nvm::open(path)?))
    }

    fn on(nvm: Nvm<Contents>) -> Self {
        Self {
            nvm,
            selected: false,
            file: None,
            verified: false,
        }
    }

    fn run(&mut self, command: &Command) -> Result<Vec<u8>, Status> {
        if command.cla != 0 {
            return Err(Status::CLA);
        }
        match command.ins {
            0xA4 => self.select(command),
            0x20 | 0x24 | 0xB0 | 0xD6 if !self.selected => Err(Status::CONDITIONS),
            0x20 => self.verify(command),
            0x24 => self.change_pin(command),
            0xB0 => self.read(command),
            0xD6 => self.write(command),
            _ => Err(Status::INS),
        }
    }

    /// The application by its name, then a file by its number; a new application forgets the PIN.
    fn select(&mut self, command: &Command) -> Result<Vec<u8>, Status> {
        match (command.p1, command.p2, command.data.as_slice()) {
            (4, 0x0C, name) if name == AID => {
                (self.selected, self.verified, self.file) = (true, false, None);
                Ok(Vec::new())
            }
            (2, 0x0C, &[0, number @ 1..=3]) if self.selected => {
                self.file = Some(usize::from(number) - 1);
                Ok(Vec::new())
            }
            (2 | 4, 0x0C, _) => Err(Status::NO_FILE),
            _ => Err(Status::P1P2),
        }
    }

    /// Without data it only says how many tries are left.
    fn verify(&mut self, command: &Command) -> Result<Vec<u8>, Status> {
        if (command.p1, command.p2) != (0, PIN) {
            return Err(Status::P1P2);
        }
        if command.data.is_empty() {
            return match (self.verified, self.nvm.get().tries) {
                (true, _) => Ok(Vec::new()),
                (false, 0) => Err(Status::BLOCKED),
                (false, left) => Err(Status::tries_left(left)),
            };
        }
        self.verified = false;
        if !self.nvm.get().own {
            return Err(Status::CONDITIONS);
        }
        self.compare(&command.data)?;
        self.verified = true;
        Ok(Vec::new())
    }

    /// Old PIN, new PIN; afterwards the new one has to be given.
    fn change_pin(&mut self, command: &Command) -> Result<Vec<u8>, Status> {
        if (command.p1, command.p2) != (0, PIN) {
            return Err(Status::P1P2);
        }
        let (old, new) = command
            .data
            .split_at_checked(PIN_LEN)
            .ok_or(Status::LENGTH)?;
        let new: [u8; PIN_LEN] = new.try_into().map_err(|_| Status::LENGTH)?;
        self.verified = false;
        let digits = new.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let filled = new.iter().skip(digits).all(|byte| *byte == 0xFF);
        if digits < 6 || !filled || new == TRANSPORT {
            return Err(Status::DATA);
        }
        self.compare(old)?;
        self.commit(Change::Pin(new))?;
        Ok(Vec::new())
    }

    /// Spends a try, compares, gives it back.
    fn compare(&mut self, pin: &[u8]) -> Result<(), Status> {
        if pin.len() != PIN_LEN {
            return Err(Status::LENGTH);
        }
        let left = self.nvm.get().tries;
        let spent = left.checked_sub(1).ok_or(Status::BLOCKED)?;
        self.commit(Change::Tries(spent))?;
        if !bool::from(self.nvm.get().pin.ct_eq(pin)) {
            return Err(match spent {
                0 => Status::BLOCKED,
                left => Status::tries_left(left),
            });
        }
        self.commit(Change::Tries(TRIES))
    }

    fn read(&self, command: &Command) -> Result<Vec<u8>, Status> {
        let (file, offset) = self.place(command)?;
        if file != HOLDER && !self.verified {
            return Err(Status::SECURITY);
        }
        let all = self.nvm.get().files.get(file).ok_or(Status::NO_FILE)?;
        let wanted = match command.le {
            Some(0) => 256,
            Some(le) => usize::from(le),
            None => return Err(Status::LENGTH),
        };
        let rest = all.get(offset..).filter(|rest| !rest.is_empty());
        let rest = rest.ok_or(Status::OFFSET)?;
        Ok(rest.iter().take(wanted).copied().collect())
    }

    fn write(&mut self, command: &Command) -> Result<Vec<u8>, Status> {
        let (file, offset) = self.place(command)?;
        if !self.verified {
            return Err(Status::SECURITY);
        }
        if command.data.is_empty() {
            return Err(Status::LENGTH);
        }
        let size = SIZES.get(file).ok_or(Status::NO_FILE)?;
        if offset >= *size {
            return Err(Status::OFFSET);
        }
        if offset + command.data.len() > *size {
            return Err(Status::NO_SPACE);
        }
        self.commit(Change::Write(file, offset, command.data.clone()))?;
        Ok(Vec::new())
    }

    fn place(&self, command: &Command) -> Result<(usize, usize), Status> {
        if command.p1 & 0x80 != 0 {
            return Err(Status::P1P2);
        }
        let file = self.file.ok_or(Status::NO_CURRENT_EF)?;
        let offset = u16::from_be_bytes([command.p1, command.p2]);
        Ok((file, usize::from(offset)))
    }

    /// What is overwritten must not stay in the state file.
    fn commit(&mut self, change: Change) -> Result<(), Status> {
        let done = match change {
            Change::Write(..) => self.nvm.commit_and_forget(&[change]),
            Change::Tries(_) | Change::Pin(_) => self.nvm.commit(&[change]),
        };
        done.map_err(|cause| {
            tracing::error!(%cause, "the state file could not be written");
            Status::MEMORY
        })
    }
}

fn delivered() -> Contents {
    Contents {
        pin: TRANSPORT,
        own: false,
        tries: TRIES,
        files: SIZES.iter().map(|size| vec![0; *size]).collect(),
    }
}

impl VirtualCard for CustodianCard {
    fn reset(&mut self) -> Vec<u8> {
        (self.selected, self.verified, self.file) = (false, false, None);
        ATR.to_vec()
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        let Ok(mut command) = Command::parse(apdu) else {
            return Response::of(Status::LENGTH).encode();
        };
        let done = self.run(&command);
        command.zeroize();
        match done {
            Ok(data) => {
                let mut answer = Response::new(data, Status::OK);
                let bytes = answer.encode();
                answer.zeroize();
                bytes
            }
            Err(status) => Response::of(status).encode(),
        }
    }
}
