//! The officers' socket: texts to be signed, signed texts executed.

use std::path::PathBuf;

use hsm_wire::client::OfficerClient;
use hsm_wire::info::HsmInfo;
use hsm_wire::order::{Body, OfficerSignature as WireSignature, Order};
use hsm_wire::package::EntryHeader;
use hsm_wire::{Hex, gm, package};
use kms_core::approval::OfficerSignature;
use kms_core::port::{HsmError, HsmIdentity, Operation, OrderDesk, Outcome, PackageLabel, Receipt};

use super::convert;
use crate::retry::when_busy;

/// The officers' side of one `rhc-hsm`. A connection per call: orders are rare, and an order is never repeated by
/// itself, because a lost answer may hide a done deed.
pub struct SimDesk {
    socket: PathBuf,
}

impl SimDesk {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    fn connect(&self) -> Result<OfficerClient, HsmError> {
        OfficerClient::connect(&self.socket).map_err(convert::error)
    }
}

impl OrderDesk for SimDesk {
    fn identity(&self) -> Result<HsmIdentity, HsmError> {
        self.connect()?
            .info()
            .map(convert::identity)
            .map_err(convert::error)
    }

    fn draft(&self, operations: &[Operation], expires: u64) -> Result<Vec<String>, HsmError> {
        let info = self.connect()?.info().map_err(convert::error)?;
        drafted(&info, operations, expires)
    }

    fn inspect(&self, text: &str) -> Result<PackageLabel, HsmError> {
        inspected(text)
    }

    fn is_signed_by(&self, text: &str, signing_key: &[u8; 64]) -> bool {
        signed_by(text, signing_key)
    }

    fn receipt(&self, text: &str, signing_key: &[u8; 64]) -> Option<Receipt> {
        convert::receipt(text, signing_key)
    }

    fn execute(&self, text: &str, signatures: &[OfficerSignature]) -> Result<Outcome, HsmError> {
        let order = order(text, signatures);
        when_busy(|| {
            self.connect()?
                .execute(&order)
                .map(convert::outcome)
                .map_err(convert::error)
        })
    }
}

/// The texts of these operations as this HSM's next orders.
pub(crate) fn drafted(
    info: &HsmInfo,
    operations: &[Operation],
    expires: u64,
) -> Result<Vec<String>, HsmError> {
    let numbered = (info.next_order..).zip(operations);
    numbered
        .map(|(sequence, operation)| {
            let op = convert::operation(operation.clone());
            let body = Body {
                hsm: info.id,
                sequence,
                expires,
                op,
            };
            body.to_text()
                .map_err(|e| HsmError::Unavailable(format!("an order cannot be written: {e}")))
        })
        .collect()
}

/// What a package says about itself.
pub(crate) fn inspected(text: &str) -> Result<PackageLabel, HsmError> {
    let refused = |detail: &str| HsmError::Refused {
        rule: "BadPackage".into(),
        detail: detail.into(),
    };
    let (_, body) =
        package::read(text).map_err(|_| refused("the text is no package; copy the file again"))?;
    let payload =
        hex::decode(&body.payload).map_err(|_| refused("the package's payload cannot be read"))?;
    let headers = body
        .entries
        .iter()
        .map(|entry| serde_json::from_str::<EntryHeader>(&entry.header));
    let ids = headers
        .map(|header| header.map(|header| header.id))
        .collect::<Result<_, _>>()
        .map_err(|_| refused("an entry of the package cannot be read"))?;
    Ok(PackageLabel {
        mark: convert::mark(body.mark),
        sender: body.sender.0,
        receiver: body.receiver.0,
        sequence: body.sequence,
        ids,
        payload,
    })
}

/// Whether the package carries this key's signature.
pub(crate) fn signed_by(text: &str, signing_key: &[u8; 64]) -> bool {
    package::read(text).is_ok_and(|(file, _)| {
        gm::verify(&Hex(*signing_key), file.body.as_bytes(), &file.signature).is_ok()
    })
}

/// A signed text as the HSM takes it.
pub(crate) fn order(text: &str, signatures: &[OfficerSignature]) -> Order {
    let signatures = signatures.iter().map(|s| WireSignature {
        officer: s.officer.clone(),
        signature: Hex(s.signature),
    });
    Order {
        body: text.to_owned(),
        signatures: signatures.collect(),
    }
}
