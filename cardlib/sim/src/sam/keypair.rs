//! The SAM's own key pair in the provincial stage: born or (test chips only) brought, proved to be here, and the only one that
//! the SAM's certificate may name (`docs/cos-dialect.md`, D21, P20).

use cardlib_card::status::Status;
use cardlib_card::suite::SigningKey;

use super::SamCard;
use super::memory::{Change, PrivateKey};
use crate::answer::{Answer, Outcome};
use crate::apdu::{Incoming, require};
use crate::gate::Content;

/// What a proof's signed text begins with, so that nothing else the SAM signs can pass for one.
const PROOF_LABEL: [u8; 16] = *b"RHC-COS-1-PROOF\0";
/// The SAM's certificate (D21), and where its public key stands in it.
const CERTIFICATE: &str = "DF01/001C";
const CERTIFIED_KEY: std::ops::Range<usize> = 62..126;

impl SamCard {
    pub(super) fn generate_key_pair(&mut self, command: &Incoming<'_>) -> Answer {
        self.require_provincial_stage()?;
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        self.volatile.gate.enter(command, Content::Exactly(0))?;
        let (random, algorithm) = (&mut self.random, self.profile.crypto.signature);
        let key = SigningKey::generate(algorithm, |bytes| random.fill(bytes))
            .map_err(|_| Status::MEMORY)?;
        self.store_key_pair(&key)
    }

    /// Only on chips of the test vendor: such private keys are public (D37).
    pub(super) fn import_key_pair(&mut self, command: &Incoming<'_>) -> Answer {
        self.require_provincial_stage()?;
        let test_vendor = self.profile.atr.test_vendor.as_slice() == self.chip().vendor;
        require(test_vendor, Status::CONDITIONS)?;
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        let content = self.volatile.gate.enter(command, Content::Exactly(32))?;
        let algorithm = self.profile.crypto.signature;
        let key = SigningKey::from_bytes(algorithm, &content).map_err(|_| Status::DATA)?;
        self.store_key_pair(&key)
    }

    fn store_key_pair(&mut self, key: &SigningKey) -> Answer {
        self.commit(&[Change::KeyPair(PrivateKey(*key.to_bytes()))])?;
        Ok(Outcome::Waiting(key.verifying_key().to_bytes().to_vec()))
    }

    /// `84 48 00 00`, a challenge of 32 bytes: signs that this chip holds the private half.
    pub(super) fn prove_key_pair(&mut self, command: &Incoming<'_>) -> Answer {
        self.require_provincial_stage()?;
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        let challenge = self.volatile.gate.enter(command, Content::Exactly(32))?;
        let key = self.own_key().ok_or(Status::CONDITIONS)?;
        let public = key.verifying_key().to_bytes();
        let chip = &self.chip().factor;
        let message = [&PROOF_LABEL[..], chip, &challenge, &public].concat();
        let signature = key.sign_message(&message).map_err(|_| Status::MEMORY)?;
        Ok(Outcome::Waiting(signature.to_vec()))
    }

    /// Whether the certificate in 001C names this chip's own key: no SAM goes out with another's.
    pub(super) fn is_certified(&self) -> bool {
        let files = self.profile.sam.files.iter().zip(&self.memory().files);
        let certificate = files
            .filter(|(info, _)| info.path == CERTIFICATE)
            .find_map(|(_, file)| file.bytes.get(CERTIFIED_KEY));
        self.own_key()
            .is_some_and(|key| certificate == Some(&key.verifying_key().to_bytes()[..]))
    }

    fn own_key(&self) -> Option<SigningKey> {
        let private = self.memory().private_key.as_ref()?;
        SigningKey::from_bytes(self.profile.crypto.signature, &private.0).ok()
    }
}
