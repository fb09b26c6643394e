//! Orders: a JSON body that names HSM, number, expiry and operation, and the signatures of two officers over its bytes.

use crate::gm::{GmError, PrivateKey};
use crate::officer::OrderOp;
use crate::secret::{SecretError, read_secret_file, write_secret_file};
use crate::{Hex, valid_name};
use serde::{Deserialize, Serialize};
use std::path::Path;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The text that officers read and sign.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Fingerprint of the HSM.
    pub hsm: Hex<32>,
    /// Its next order number, from its info.
    pub sequence: u64,
    /// Seconds since 1970.
    pub expires: u64,
    pub op: OrderOp,
}

impl Body {
    /// The text to be signed. From then on its bytes count, not its meaning.
    ///
    /// # Errors
    /// Never for these types.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// One officer's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficerSignature {
    pub officer: String,
    /// r ‖ s over the body's bytes, with ZA of the default identity.
    pub signature: Hex<64>,
}

/// A body and its signatures; as JSON it is a file that travels from one officer to the next.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub body: String,
    pub signatures: Vec<OfficerSignature>,
}

impl Order {
    /// Without signatures yet.
    #[must_use]
    pub fn new(body: String) -> Self {
        Self {
            body,
            signatures: Vec::new(),
        }
    }

    /// Adds one officer's signature.
    ///
    /// # Errors
    /// The library could not sign.
    pub fn sign(&mut self, officer: &OfficerKey) -> Result<(), GmError> {
        self.signatures.push(officer.sign(&self.body)?);
        Ok(())
    }
}

/// An officer's SM2 key. Wiped when dropped; no `Debug`.
///
/// ```compile_fail
/// fn shows<T: std::fmt::Debug>() {}
/// shows::<hsm_wire::order::OfficerKey>();
/// ```
pub struct OfficerKey {
    name: String,
    key: PrivateKey,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    name: String,
    algorithm: String,
    private_key: String,
    public_key: String,
}

/// An officer's public key, as a JSON file that `init` and enrolment take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficerPublic {
    pub name: String,
    pub algorithm: String,
    pub public_key: Hex<64>,
}

impl OfficerKey {
    /// A fresh key.
    ///
    /// # Errors
    /// The system's generator failed.
    pub fn generate(name: &str) -> Result<Self, GmError> {
        Ok(Self {
            name: name.to_owned(),
            key: PrivateKey::generate()?,
        })
    }

    /// From its file (0600).
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn load(path: &Path) -> Result<Self, SecretError> {
        let text = read_secret_file(path)?;
        let bad = |reason| SecretError::content(path, reason);
        let file: KeyFile =
            serde_json::from_slice(&text).map_err(|_| bad("not an officer's key file"))?;
        if file.algorithm != "SM2" || !valid_name(&file.name) {
            return Err(bad(
                "not an officer's SM2 key, or a name with other characters than A-Z a-z 0-9 _ . / @ + -",
            ));
        }
        let mut d = Zeroizing::new([0; 32]);
        hex::decode_to_slice(&file.private_key, &mut d[..])
            .map_err(|_| bad("private_key: 64 hexadecimal digits"))?;
        let key = PrivateKey::from_bytes(&d).map_err(|_| bad("private_key is out of range"))?;
        if key.public_key().map(|p| p.to_string()) != Ok(file.public_key.to_uppercase()) {
            return Err(bad("public_key is not the private key's"));
        }
        Ok(Self {
            name: file.name.clone(),
            key,
        })
    }

    /// Into a new file of mode 0600, and the public half into the other.
    ///
    /// # Errors
    /// One of them exists or cannot be written.
    pub fn save(&self, path: &Path, public_path: &Path) -> Result<(), SecretError> {
        let bad = |_| SecretError::content(path, "key cannot be written");
        let public = self
            .public()
            .map_err(|_| SecretError::content(path, "key has no public half"))?;
        let file = KeyFile {
            name: self.name.clone(),
            algorithm: "SM2".to_owned(),
            private_key: hex::encode_upper(self.key.expose()),
            public_key: public.public_key.to_string(),
        };
        let text = Zeroizing::new(serde_json::to_vec(&file).map_err(bad)?);
        write_secret_file(path, &text)?;
        let public_text = serde_json::to_vec(&public).map_err(bad)?;
        std::fs::write(public_path, public_text).map_err(|source| SecretError::Io {
            path: public_path.display().to_string(),
            source,
        })
    }

    /// The public half.
    ///
    /// # Errors
    /// Never for a key that was constructed.
    pub fn public(&self) -> Result<OfficerPublic, GmError> {
        Ok(OfficerPublic {
            name: self.name.clone(),
            algorithm: "SM2".to_owned(),
            public_key: self.key.public_key()?,
        })
    }

    /// The officer's name, as it is enrolled.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Signs a body's exact text.
    ///
    /// # Errors
    /// The library could not sign.
    pub fn sign(&self, body: &str) -> Result<OfficerSignature, GmError> {
        Ok(OfficerSignature {
            officer: self.name.clone(),
            signature: self.key.sign(body.as_bytes())?,
        })
    }
}
