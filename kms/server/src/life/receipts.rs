//! What comes back from SAMs, and who is late: a straggler opens cards with the old version until it is recalled.

use kms_api::sam_package::{RECEIPT, SamReceipt};
use kms_core::rotation::Action;
use kms_platform::audit::Outcome;
use kms_platform::store::Conn;
use serde::Serialize;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::rotation::factor;
use crate::records::rotations::{self, Sent, Standing};
use crate::records::sams;
use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::Service;

/// One SAM in a rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SamStanding {
    /// Chip serial, hexadecimal.
    pub chip_serial: String,
    /// SAM serial, where it is known here.
    pub serial: Option<String>,
    /// Type.
    pub sam_type: u8,
    /// Two digits.
    pub province: String,
    /// `due`, `packed`, `added`, `re-keyed`, `locked`, `destroyed`.
    pub standing: &'static str,
    /// Since when.
    pub since: Option<String>,
    /// Whether it still opens cards with the old version.
    pub opens_old: bool,
}

/// A rotation with all its SAMs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RotationStatus {
    /// `rotation-1-2`.
    pub id: String,
    /// Phase.
    pub phase: &'static str,
    /// Left behind, taking over.
    pub from: u8,
    /// Taking over.
    pub to: u8,
    /// Keys that take part.
    pub keys: Vec<String>,
    /// Planned, opened, switched, retired.
    pub days: [Option<String>; 4],
    /// SAMs that hold such keys.
    pub sams: Vec<SamStanding>,
}

impl RotationStatus {
    /// SAMs that still open cards with the old version.
    #[must_use]
    pub fn stragglers(&self) -> usize {
        self.sams.iter().filter(|sam| sam.opens_old).count()
    }
}

impl Service {
    /// A rotation and where each SAM stands.
    ///
    /// # Errors
    /// Unknown, or the store failed.
    pub async fn rotation_status(&self, id: &str) -> Result<RotationStatus> {
        let mut conn = self.store.pool().acquire().await?;
        self.standing_of(&mut conn, id).await
    }

    pub(crate) async fn standing_of(&self, conn: &mut Conn, id: &str) -> Result<RotationStatus> {
        let Standing { rotation, days } = rotations::get(conn, id).await?;
        let sent = rotations::sent(conn, id).await?;
        let made = sams::all(conn).await?;
        let concerned = made
            .into_iter()
            .filter(|sam| rotation.concerns(self.profile, sam.sam_type));
        let sams = concerned.map(|sam| {
            let chip_serial = hex::encode_upper(sam.chip);
            let own: Vec<&Sent> = sent.iter().filter(|s| s.chip == chip_serial).collect();
            let (standing, since, opens_old) = standing(&sam.state, &own);
            SamStanding {
                chip_serial,
                serial: sam.serial,
                sam_type: sam.sam_type,
                province: sam.province,
                standing,
                since,
                opens_old,
            }
        });
        Ok(RotationStatus {
            sams: sams.collect(),
            id: rotation.id,
            phase: rotation.phase.as_str(),
            from: rotation.from,
            to: rotation.to,
            keys: rotation.keys,
            days,
        })
    }

    /// Takes a receipt: the cryptogram in it is the one that only this SAM could make after its package was opened.
    ///
    /// # Errors
    /// It is another SAM's, of another package, or changed.
    pub async fn take_sam_receipt(&self, receipt: &SamReceipt, by: &str) -> Result<()> {
        self.may("rotation.receipts", by).await?;
        let taken = self.try_sam_receipt(receipt, by).await;
        match taken {
            Err(refusal) => {
                let object = receipt.chip_serial.chars().take(16).collect::<String>();
                Err(self.refused(by, "sam.receipt", &object, refusal).await)
            }
            Ok(()) => Ok(()),
        }
    }

    async fn try_sam_receipt(&self, receipt: &SamReceipt, by: &str) -> Result<()> {
        let wrong = || {
            refuse!(
                &refusal::RECEIPT,
                "no package of this kind and counter went out for this SAM",
                "未曾为该SAM卡发出此类数据包"
            )
        };
        if receipt.format != RECEIPT {
            return Err(refuse!(
                &refusal::INVALID,
                "not a SAM's receipt",
                "不是SAM卡回执"
            ));
        }
        let chip = factor(&receipt.chip_serial)?;
        let action = Action::parse(&receipt.action).ok_or_else(wrong)?;
        let mut tx = self.begin().await?;
        let rotation = rotations::get(&mut tx, &receipt.rotation).await?.rotation;
        let sent = rotations::sent(&mut tx, &rotation.id).await?;
        let named = hex::encode_upper(chip);
        let sent = sent
            .into_iter()
            .find(|s| s.chip == named && s.action == action && s.counter == receipt.counter)
            .ok_or_else(wrong)?;
        if sent.done.is_some() {
            return Ok(());
        }
        let proved = proof(&sent, receipt)?;
        let mut sam = sams::find(&mut tx, &chip).await?.ok_or_else(wrong)?;
        let detail =
            json!({ "rotation": rotation.id, "action": action.as_str(), "proved": proved });
        let begun = self
            .before(&mut tx, by, "sam.receipt", &named, &detail)
            .await?;
        sam.counter = sent.counter + 2;
        for deed in rotation.deeds(self.profile, sam.sam_type, action) {
            use cardlib_card::dialect::sam_use::Deed;
            match deed {
                Deed::Write { key, version } => drop(sam.held.insert((key, version))),
                Deed::Retire { key, version } => drop(sam.held.remove(&(key, version))),
                Deed::Lock => sam.state = "locked".to_owned(),
                Deed::Unlock => sam.state = "active".to_owned(),
                Deed::Destroy => sam.state = "destroyed".to_owned(),
                Deed::Ceiling { .. } => {}
            }
        }
        sams::put(&mut tx, &sam, &self.now()).await?;
        rotations::received(&mut tx, &rotation.id, &sent, &self.now()).await?;
        self.after(&mut tx, begun, &Outcome::Done).await?;
        self.commit(tx).await
    }
}

/// Whether the SAM's own cryptogram vouches for it; a destroyed SAM gives none.
fn proof(sent: &Sent, receipt: &SamReceipt) -> Result<bool> {
    let foreign = || {
        refuse!(
            &refusal::RECEIPT,
            "its cryptogram is not the one of this SAM after this package",
            "其密文并非该SAM卡执行此数据包后所出"
        )
    };
    let Some(tail) = &sent.tail else {
        return Ok(false);
    };
    let opening = receipt.opening.as_deref().unwrap_or_default();
    let opening = hex::decode(opening).map_err(|_| foreign())?;
    let tail = hex::decode(tail).map_err(|_| foreign())?;
    let given = opening
        .len()
        .checked_sub(tail.len())
        .and_then(|at| opening.get(at..))
        .ok_or_else(foreign)?;
    if bool::from(given.ct_eq(&tail)) {
        Ok(true)
    } else {
        Err(foreign())
    }
}

/// What was done last, and whether the old version still works.
fn standing(state: &str, sent: &[&Sent]) -> (&'static str, Option<String>, bool) {
    let done = |actions: &[Action]| {
        let of = |s: &&&Sent| actions.contains(&s.action) && s.done.is_some();
        sent.iter().filter(of).filter_map(|s| s.done.clone()).max()
    };
    match state {
        "destroyed" => return ("destroyed", done(&[Action::Destroy]), false),
        "locked" => return ("locked", done(&[Action::Lock]), false),
        _ => {}
    }
    if let Some(day) = done(&[Action::Rekey, Action::Retire]) {
        return ("re-keyed", Some(day), false);
    }
    if let Some(day) = done(&[Action::Add]) {
        return ("added", Some(day), true);
    }
    let packed = sent.iter().map(|s| s.packed.clone()).max();
    match packed {
        Some(day) => ("packed", Some(day), true),
        None => ("due", None, true),
    }
}
