//! Stays and visits (user card 3.3): record with signature, read, settle.
//!
//! The order of commands makes a torn card harmless: data, signature and certificate are written into a file whose index
//! record says *empty*; WRITE RECORD, atomic and last, makes it count. A card torn before that shows the place as empty, and
//! the next visit overwrites it. Settling frees the place only after the back office has accepted the record.

use cardlib_card::profile::{Access, File, Layout};
use cardlib_card::visit::{SignedVisit, Visit, VisitKind};
use zeroize::{Zeroize, Zeroizing};

use crate::desk::Session;
use crate::error::{FlowError, Part, malformed};
use crate::flow::Flow;
use crate::office::{BackOffice, OfficeError, day_of, verify_record};
use crate::secure;

/// An index record that stands for a visit (R25).
const VALID: u8 = 0x00;
const EMPTY: u8 = 0xFF;
const WRITE_RECORD: u8 = 0xD2;
const ERASE_RECORD: u8 = 0x0C;

/// A visit as it lies on a card.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredVisit {
    pub kind: VisitKind,
    /// Its place, from 1.
    pub number: u8,
    pub visit: Visit,
    /// The bytes, for the back office.
    pub record: SignedVisit,
}

impl Session<'_> {
    /// Writes a visit into the first free place and gives its number.
    ///
    /// # Errors
    /// [`FlowError::Visit`] before anything is sent; [`FlowError::NoRoom`], [`FlowError::NotPermitted`]. After
    /// [`FlowError::Reader`] in WRITE RECORD the card holds the visit or does not; the index tells.
    pub fn record_visit(&mut self, visit: &Visit) -> Result<u8, FlowError> {
        self.record_in(visit, None)
    }

    /// As [`Session::record_visit`], into a place of the caller's choice.
    ///
    /// # Errors
    /// [`FlowError::Taken`] when the place holds a visit; else as [`Session::record_visit`].
    pub fn record_visit_at(&mut self, visit: &Visit, number: u8) -> Result<(), FlowError> {
        self.record_in(visit, Some(number)).map(drop)
    }

    fn record_in(&mut self, visit: &Visit, wanted: Option<u8>) -> Result<u8, FlowError> {
        let (profile, kind) = (self.flow.profile, visit.kind());
        let data = visit.encode(profile)?;
        if day_of(visit).is_some_and(|day| day > self.today) {
            return Err(OfficeError::Future.into());
        }
        let place = self.flow.index(kind)?;
        let number = match wanted {
            Some(number) => place.free(kind, number)?,
            None => place.all(EMPTY).next().ok_or(FlowError::NoRoom(kind))?,
        };
        let file = self.flow.visit_file(kind, number)?;
        self.flow.gain(&file.update)?;
        self.flow.card.select_file(file)?;
        let record = self.signed(data)?;
        let mut bytes = record.join(profile, kind)?;
        let written = self.flow.card.update_binary(0, &bytes);
        bytes.zeroize();
        written?;
        self.flow
            .mark(place.file, WRITE_RECORD, number, "WRITE RECORD")?;
        Ok(number)
    }

    /// The SAM signs. Its papers must be right today, and a signature that its own certificate does not confirm would never
    /// be settled: it is not written.
    fn signed(&mut self, mut data: Zeroizing<Vec<u8>>) -> Result<SignedVisit, FlowError> {
        let (papers, chain) = self.papers()?;
        let digest = self.flow.sam.digest(&data)?;
        let signature = self.flow.sam.sign(&digest)?;
        verify_record(self.flow.profile, &data, &signature, &chain.sam)?;
        Ok(SignedVisit {
            data: std::mem::take(&mut *data),
            signature: signature.to_vec(),
            certificate: papers.own,
        })
    }

    /// Numbers of the places that hold a visit.
    ///
    /// # Errors
    /// [`FlowError::NotPermitted`] and what else stops a reading.
    pub fn visits(&mut self, kind: VisitKind) -> Result<Vec<u8>, FlowError> {
        Ok(self.flow.index(kind)?.all(VALID).collect())
    }

    /// Reads the visit in a place.
    ///
    /// # Errors
    /// [`FlowError::NoVisit`] when the place is empty; [`FlowError::Visit`] for data that are no visit.
    pub fn read_visit(&mut self, kind: VisitKind, number: u8) -> Result<StoredVisit, FlowError> {
        let record = self.flow.record(kind, number)?;
        let visit = Visit::decode(self.flow.profile, kind, &record.data)?;
        Ok(StoredVisit {
            kind,
            number,
            visit,
            record,
        })
    }

    /// Settles a visit: reads it, lets the back office judge it, frees its place. Only SAMs of type 5 may (R69), which is
    /// found out before the office is asked.
    ///
    /// # Errors
    /// [`FlowError::Office`] with what the office found: the card keeps its record. [`FlowError::NoVisit`],
    /// [`FlowError::NotPermitted`], [`FlowError::OtherProvince`].
    pub fn settle(
        &mut self,
        kind: VisitKind,
        number: u8,
        office: &mut dyn BackOffice,
    ) -> Result<StoredVisit, FlowError> {
        let index = self.flow.index_file(kind)?;
        self.flow.require_key(&index.erase)?;
        let stored = self.read_visit(kind, number)?;
        office.accept(kind, &stored.record)?;
        self.flow.gain(&index.erase)?;
        self.flow
            .mark(index, ERASE_RECORD, number, "ERASE RECORD")?;
        Ok(stored)
    }
}

/// An index and its flags.
struct Index<'p> {
    file: &'p File,
    flags: Vec<u8>,
}

impl Index<'_> {
    fn all(&self, flag: u8) -> impl Iterator<Item = u8> {
        let numbered = (1..).zip(&self.flags);
        numbered.filter_map(move |(number, there)| (*there == flag).then_some(number))
    }

    /// `number`, if it is a place and free.
    fn free(&self, kind: VisitKind, number: u8) -> Result<u8, FlowError> {
        if self.all(EMPTY).any(|free| free == number) {
            Ok(number)
        } else if self.all(VALID).any(|used| used == number) {
            Err(FlowError::Taken { kind, number })
        } else {
            Err(FlowError::Unknown(format!("place {number}")))
        }
    }
}

impl<'a> Flow<'a> {
    fn index_file(&self, kind: VisitKind) -> Result<&'a File, FlowError> {
        let file = kind.index(self.profile);
        file.ok_or_else(|| FlowError::Unknown(format!("index of {}", kind.layout_name())))
    }

    fn visit_file(&self, kind: VisitKind, number: u8) -> Result<&'a File, FlowError> {
        let file = kind.file(self.profile, number);
        file.ok_or_else(|| FlowError::Unknown(format!("{} file {number}", kind.layout_name())))
    }

    /// Reads an index, gaining the right for it.
    fn index(&mut self, kind: VisitKind) -> Result<Index<'a>, FlowError> {
        let file = self.index_file(kind)?;
        self.open_file(file, &file.read)?;
        let count = u8::try_from(file.records).unwrap_or(u8::MAX);
        let mut flags = Vec::new();
        for number in 1..=count {
            let record = self.card.read_record(file, number)?;
            let flag = record.first().copied().unwrap_or(EMPTY);
            if flag != VALID && flag != EMPTY {
                let place = format!("{}, record {number}", file.path);
                return Err(malformed(Part::Card, place, "is neither 00 nor FF"));
            }
            flags.push(flag);
        }
        Ok(Index { file, flags })
    }

    /// Data, signature and certificate of a place that the index says is in use.
    fn record(&mut self, kind: VisitKind, number: u8) -> Result<SignedVisit, FlowError> {
        if !self.index(kind)?.all(VALID).any(|used| used == number) {
            return Err(FlowError::NoVisit { kind, number });
        }
        let bytes = self.visit_bytes(kind, number)?;
        Ok(SignedVisit::split(self.profile, kind, &bytes)?)
    }

    /// All bytes of a visit file, whether or not its index says that it is in use.
    ///
    /// # Errors
    /// [`FlowError::NotPermitted`], [`FlowError::OtherProvince`], or what the card says.
    pub fn visit_bytes(
        &mut self,
        kind: VisitKind,
        number: u8,
    ) -> Result<Zeroizing<Vec<u8>>, FlowError> {
        let size = kind.layout(self.profile).map(Layout::size)?;
        let file = self.visit_file(kind, number)?;
        self.open_file(file, &file.read)?;
        Ok(Zeroizing::new(self.card.read_binary(file, 0, size)?))
    }

    /// WRITE or ERASE RECORD with a MAC.
    fn mark(
        &mut self,
        index: &File,
        ins: u8,
        number: u8,
        step: &'static str,
    ) -> Result<(), FlowError> {
        self.card.select_file(index)?;
        let key = self.maintenance_key(index)?;
        let with = self.protection(key)?;
        let command = secure::mac_only(&mut self.sam, &with, [0x84, ins, number, 0x00])?;
        self.card.send(step, &command).map(drop)
    }

    /// Gains the right of an access.
    fn gain(&mut self, access: &Access) -> Result<(), FlowError> {
        match access {
            Access::Free => Ok(()),
            Access::Key(name) => self.external_authentication(name),
            Access::Never => Err(FlowError::Unknown("right to write there".into())),
        }
    }

    /// Whether a SAM of this type and province could gain a right, before anything depends on it.
    fn require_key(&self, access: &Access) -> Result<(), FlowError> {
        let Some(key) = access.key().and_then(|name| self.profile.key(name)) else {
            return Ok(());
        };
        self.sam.check_province(key, &self.facts.area)?;
        let sam_type = self.sam.facts().sam_type;
        let holds = self.profile.sam_type(sam_type);
        if holds.is_some_and(|kind| kind.keys.contains(&key.name)) {
            return Ok(());
        }
        Err(FlowError::NotPermitted {
            key: key.name.clone(),
            sam_type,
        })
    }
}
