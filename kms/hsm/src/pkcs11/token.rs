//! The token: pooled sessions, objects by label, and the operations that scripts, orders and packages are made of.
//!
//! A call that fails for a reason that passes (lost session, device error, logged out) forgets every session, waits a
//! little and is done again from its beginning: nothing leaves this module before a whole call has succeeded.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::ekdf::AesCbcDeriveParams;
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use kms_core::port::HsmError;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{refused, unavailable};

/// One block of AES.
pub(super) type Block = [u8; 16];
/// Tries of one call, and what lies between them, doubled each time.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(20);
/// Idle sessions kept.
const POOL: usize = 4;
/// prime256v1 as CKA_EC_PARAMS wants it.
const P256: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

/// What a key made in the token may be used for; everything else is refused by the token itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Derives others; what goes onto a chip too, which may open a session there.
    Parent,
    /// Encrypts.
    Encrypt,
    /// Makes CMACs.
    Mac,
    /// Wraps one key as one block (K_DEK).
    Wrap,
    /// Wraps and unwraps keys of a package.
    Envelope,
}

impl Role {
    /// `leaves`: it may be wrapped, for a chip or another HSM.
    fn attributes(self, leaves: bool) -> Vec<Attribute> {
        let mut list = vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(leaves),
            Attribute::Derive(self == Self::Parent),
            Attribute::Encrypt(self == Self::Encrypt),
            Attribute::Decrypt(false),
            Attribute::Sign(self == Self::Mac),
            Attribute::Verify(false),
        ];
        list.push(Attribute::Wrap(matches!(self, Self::Wrap | Self::Envelope)));
        list.push(Attribute::Unwrap(self == Self::Envelope));
        list
    }
}

/// What a lasting key is for, and whether it may be wrapped.
#[derive(Clone, Copy)]
pub(super) struct Lasting {
    pub role: Role,
    pub leaves: bool,
}

impl Lasting {
    fn attributes(self) -> Vec<Attribute> {
        self.role.attributes(self.leaves)
    }
}

/// What can go wrong inside a call.
#[derive(Debug)]
pub(super) enum Fault {
    Token(Error),
    Port(HsmError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Token(error)
    }
}

impl From<HsmError> for Fault {
    fn from(error: HsmError) -> Self {
        Self::Port(error)
    }
}

impl Fault {
    /// Whether the same call may succeed on a new session.
    fn passes(&self) -> bool {
        let Self::Token(Error::Pkcs11(code, _)) = self else {
            return false;
        };
        matches!(
            code,
            RvError::CryptokiNotInitialized
                | RvError::DeviceError
                | RvError::DeviceMemory
                | RvError::DeviceRemoved
                | RvError::FunctionFailed
                | RvError::FunctionCanceled
                | RvError::GeneralError
                | RvError::KeyHandleInvalid
                | RvError::ObjectHandleInvalid
                | RvError::SessionClosed
                | RvError::SessionHandleInvalid
                | RvError::TokenNotPresent
                | RvError::UserNotLoggedIn
        )
    }

    fn into_port(self) -> HsmError {
        match self {
            Self::Port(error) => error,
            Self::Token(error) => unavailable(format!("the token: {error}")),
        }
    }
}

/// A token of one library.
pub(super) struct Token {
    context: Pkcs11,
    label: String,
    pin: AuthPin,
    idle: Mutex<Vec<Session>>,
    /// Handles of lasting objects by label.
    known: Mutex<HashMap<String, ObjectHandle>>,
}

impl Token {
    pub(super) fn load(library: &Path, label: &str, pin_file: &Path) -> Result<Self, HsmError> {
        let pin = hsm_wire::secret::read_secret_file(pin_file)
            .map_err(|e| unavailable(format!("the token's PIN: {e}")))?;
        let pin = std::str::from_utf8(&pin)
            .map_err(|_| unavailable("the token's PIN file is not text"))?;
        let failed = |e: Error| unavailable(format!("{}: {e}", library.display()));
        let context = Pkcs11::new(library).map_err(failed)?;
        initialize(&context).map_err(failed)?;
        Ok(Self {
            context,
            label: label.to_owned(),
            pin: AuthPin::new(pin.trim().to_owned().into_boxed_str()),
            idle: Mutex::new(Vec::new()),
            known: Mutex::new(HashMap::new()),
        })
    }

    /// Whether the token answers and takes the PIN.
    pub(super) fn is_there(&self) -> Result<(), HsmError> {
        self.with(|work| {
            work.session.get_session_info()?;
            Ok(())
        })
    }

    /// Whether the token is software, by its maker's own name.
    pub(super) fn is_software(&self) -> Result<bool, HsmError> {
        self.with(|work| {
            let slot = work.session.get_session_info()?.slot_id();
            let info = self.context.get_token_info(slot)?;
            Ok(info.manufacturer_id().contains("SoftHSM"))
        })
    }

    /// Runs one call, again on a new session when the reason of its failure passes.
    pub(super) fn with<T>(
        &self,
        call: impl Fn(&Work<'_>) -> Result<T, Fault>,
    ) -> Result<T, HsmError> {
        let mut pause = PAUSE;
        for left in (0..TRIES).rev() {
            match self.once(&call) {
                Err(fault) if fault.passes() && left > 0 => {
                    tracing::warn!(?fault, "the token failed, trying again");
                    lock(&self.idle).clear();
                    lock(&self.known).clear();
                    std::thread::sleep(pause);
                    pause *= 2;
                }
                done => return done.map_err(Fault::into_port),
            }
        }
        Err(unavailable("the token fails again and again"))
    }

    fn once<T>(&self, call: impl Fn(&Work<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let pooled = lock(&self.idle).pop();
        let session = pooled.map_or_else(|| self.session(), Ok)?;
        let done = call(&Work {
            session: &session,
            token: self,
        });
        let mut idle = lock(&self.idle);
        if idle.len() < POOL && !matches!(done, Err(Fault::Token(_))) {
            idle.push(session);
        }
        done
    }

    fn session(&self) -> Result<Session, Fault> {
        initialize(&self.context)?;
        let mut found = None;
        for slot in self.context.get_slots_with_initialized_token()? {
            if self.context.get_token_info(slot)?.label().trim() == self.label {
                found = Some(slot);
            }
        }
        let slot =
            found.ok_or_else(|| unavailable(format!("no token with label {}", self.label)))?;
        let session = self.context.open_rw_session(slot)?;
        match session.login(UserType::User, Some(&self.pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(Error::Pkcs11(RvError::PinIncorrect, _)) => {
                Err(refused("WrongCredential", "the token does not take the PIN").into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Once for every library of a process; after it was ended behind our back, again.
fn initialize(context: &Pkcs11) -> Result<(), Error> {
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        done => done,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session at work.
pub(super) struct Work<'a> {
    session: &'a Session,
    token: &'a Token,
}

/// An object of this session, destroyed when dropped.
pub(super) struct Passing<'a> {
    session: &'a Session,
    handle: ObjectHandle,
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        // It would end with its session anyway.
        let _ = self.session.destroy_object(self.handle);
    }
}

/// A key in the token.
pub(super) trait Key {
    fn handle(&self) -> ObjectHandle;
}

impl Key for Passing<'_> {
    fn handle(&self) -> ObjectHandle {
        self.handle
    }
}

impl Key for ObjectHandle {
    fn handle(&self) -> ObjectHandle {
        *self
    }
}

impl<'a> Work<'a> {
    /// A lasting secret key.
    pub(super) fn key(&self, label: &str) -> Result<ObjectHandle, Fault> {
        self.find(label, ObjectClass::SECRET_KEY)
    }

    fn find(&self, label: &str, class: ObjectClass) -> Result<ObjectHandle, Fault> {
        if let Some(handle) = lock(&self.token.known).get(label) {
            return Ok(*handle);
        }
        let found = self.session.find_objects(&[
            Attribute::Class(class),
            Attribute::Token(true),
            Attribute::Label(label.as_bytes().to_vec()),
        ])?;
        match found.as_slice() {
            [only] => {
                lock(&self.token.known).insert(label.to_owned(), *only);
                Ok(*only)
            }
            [] => Err(refused("NoSuchKey", label).into()),
            _ => Err(refused("Internal", format!("{label} is twice in the token")).into()),
        }
    }

    /// D2 and D26: the key E(parent, block), made and kept in the token.
    pub(super) fn derive(
        &self,
        parent: &impl Key,
        block: &Block,
        role: Role,
    ) -> Result<Passing<'a>, Fault> {
        self.derive_for(parent, block, role, false)
    }

    /// The same for a key that will be wrapped.
    pub(super) fn derive_parcel(
        &self,
        parent: &impl Key,
        block: &Block,
    ) -> Result<Passing<'a>, Fault> {
        self.derive_for(parent, block, Role::Parent, true)
    }

    fn derive_for(
        &self,
        parent: &impl Key,
        block: &Block,
        role: Role,
        leaves: bool,
    ) -> Result<Passing<'a>, Fault> {
        let mut template = role.attributes(leaves);
        template.push(Attribute::ValueLen(16.into()));
        self.derive_as(parent, block, template)
    }

    fn derive_as(
        &self,
        parent: &impl Key,
        data: &[u8],
        mut template: Vec<Attribute>,
    ) -> Result<Passing<'a>, Fault> {
        template.push(Attribute::Token(false));
        let mechanism = Mechanism::AesCbcEncryptData(AesCbcDeriveParams::new([0; 16], data));
        let handle = self
            .session
            .derive_key(&mechanism, parent.handle(), &template)?;
        Ok(Passing {
            session: self.session,
            handle,
        })
    }

    /// E(parent, block) as data: the card's challenge and check values, which are no keys.
    pub(super) fn open_block(&self, parent: &impl Key, block: &Block) -> Result<Block, Fault> {
        let template = vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(16.into()),
            Attribute::Private(true),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
        ];
        let made = self.derive_as(parent, block, template)?;
        let values = self
            .session
            .get_attributes(made.handle, &[AttributeType::Value])?;
        match values.as_slice() {
            [Attribute::Value(bytes)] => exact(bytes),
            _ => Err(unavailable("the token gave no value").into()),
        }
    }

    /// D8, of a key that derives.
    pub(super) fn check_value(&self, key: &impl Key) -> Result<[u8; 3], Fault> {
        let [a, b, c, ..] = self.open_block(key, &[0; 16])?;
        Ok([a, b, c])
    }

    /// D8, of a lasting key in any role.
    pub(super) fn check_value_of(&self, key: &impl Key, lasts: Lasting) -> Result<[u8; 3], Fault> {
        if lasts.role == Role::Parent {
            return self.check_value(key);
        }
        let [a, b, c, ..] = exact::<16>(&self.ecb(key, &[0; 16])?)?;
        Ok([a, b, c])
    }

    /// The key as one block under K_DEK: CBC with IV 0 over one block.
    pub(super) fn wrap(&self, dek: &impl Key, key: &impl Key) -> Result<Block, Fault> {
        let mechanism = Mechanism::AesCbc([0; 16]);
        let wrapped = self
            .session
            .wrap_key(&mechanism, dek.handle(), key.handle())?;
        exact(&wrapped)
    }

    /// Whole blocks under CBC.
    pub(super) fn cbc(&self, key: &impl Key, iv: Block, data: &[u8]) -> Result<Vec<u8>, Fault> {
        Ok(self
            .session
            .encrypt(&Mechanism::AesCbc(iv), key.handle(), data)?)
    }

    /// Whole blocks, each for itself.
    pub(super) fn ecb(&self, key: &impl Key, data: &[u8]) -> Result<Vec<u8>, Fault> {
        Ok(self
            .session
            .encrypt(&Mechanism::AesEcb, key.handle(), data)?)
    }

    /// SP 800-38B.
    pub(super) fn cmac(&self, key: &impl Key, data: &[u8]) -> Result<Block, Fault> {
        exact(&self.session.sign(&Mechanism::AesCMac, key.handle(), data)?)
    }

    /// Bytes of the token's generator.
    pub(super) fn random<const N: usize>(&self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.session.generate_random_slice(&mut bytes)?;
        Ok(bytes)
    }

    /// ECDSA over SHA-256 of the message, r‖s.
    pub(super) fn sign(&self, label: &str, message: &[u8]) -> Result<[u8; 64], Fault> {
        let key = self.find(label, ObjectClass::PRIVATE_KEY)?;
        let digest = Sha256::digest(message);
        exact(&self.session.sign(&Mechanism::Ecdsa, key, &digest)?)
    }

    /// A lasting random key.
    pub(super) fn generate(&self, label: &str, lasts: Lasting) -> Result<ObjectHandle, Fault> {
        let mut template = lasting(label, lasts.attributes());
        template.push(Attribute::ValueLen(16.into()));
        Ok(self
            .session
            .generate_key(&Mechanism::AesKeyGen, &template)?)
    }

    /// A lasting key of known bytes: public test keys and raw ones, TEST only.
    pub(super) fn plant(
        &self,
        label: &str,
        lasts: Lasting,
        bytes: &Block,
    ) -> Result<ObjectHandle, Fault> {
        let mut template = lasting(label, lasts.attributes());
        template.push(Attribute::Value(bytes.to_vec()));
        let made = self.session.create_object(&template);
        wipe(template);
        Ok(made?)
    }

    /// A lasting key pair of known d, for public test keys.
    pub(super) fn plant_pair(&self, label: &str, d: &[u8; 32]) -> Result<(), Fault> {
        let mut template = lasting(label, pair_attributes(true));
        template.push(Attribute::EcParams(P256.to_vec()));
        template.push(Attribute::Value(d.to_vec()));
        let made = self.session.create_object(&template);
        wipe(template);
        made?;
        Ok(())
    }

    /// A lasting random key pair; X‖Y of its public half.
    pub(super) fn pair(&self, label: &str, signs: bool) -> Result<[u8; 64], Fault> {
        let (_, public) = self.new_pair(lasting(label, pair_attributes(signs)))?;
        Ok(public)
    }

    /// A fresh pair for one agreement.
    pub(super) fn passing_pair(&self) -> Result<(Passing<'a>, [u8; 64]), Fault> {
        let mut template = pair_attributes(false);
        template.push(Attribute::Token(false));
        let (handle, public) = self.new_pair(template)?;
        let private = Passing {
            session: self.session,
            handle,
        };
        Ok((private, public))
    }

    fn new_pair(&self, private: Vec<Attribute>) -> Result<(ObjectHandle, [u8; 64]), Fault> {
        let public = [
            Attribute::Class(ObjectClass::PUBLIC_KEY),
            Attribute::KeyType(KeyType::EC),
            Attribute::Token(false),
            Attribute::EcParams(P256.to_vec()),
        ];
        let (public, private) =
            self.session
                .generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)?;
        let public = Passing {
            session: self.session,
            handle: public,
        };
        let values = self
            .session
            .get_attributes(public.handle, &[AttributeType::EcPoint])?;
        let [Attribute::EcPoint(point)] = values.as_slice() else {
            return Err(unavailable("the token gave no public key").into());
        };
        // OCTET STRING of an uncompressed point, or the point itself: X‖Y is its end.
        let xy = exact(&point[point.len().saturating_sub(64)..])?;
        Ok((private, xy))
    }

    /// A lasting pair's private half.
    pub(super) fn private(&self, label: &str) -> Result<ObjectHandle, Fault> {
        self.find(label, ObjectClass::PRIVATE_KEY)
    }

    /// The key that wraps a package's keys: AES-256 of (ECDH's x, context), both steps in the token.
    pub(super) fn envelope(
        &self,
        private: &impl Key,
        public: &[u8; 64],
        context: &[u8; 32],
    ) -> Result<Passing<'a>, Fault> {
        let point = [&[0x04][..], public].concat();
        let agreed = Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), &point));
        let mut template = Role::Parent.attributes(false);
        template.push(Attribute::ValueLen(32.into()));
        template.push(Attribute::Token(false));
        let agreed = Passing {
            session: self.session,
            handle: self
                .session
                .derive_key(&agreed, private.handle(), &template)?,
        };
        let mut template = Role::Envelope.attributes(false);
        template.push(Attribute::ValueLen(32.into()));
        self.derive_as(&agreed, context, template)
    }

    /// RFC 3394.
    pub(super) fn pack(&self, envelope: &impl Key, key: &impl Key) -> Result<Vec<u8>, Fault> {
        Ok(self
            .session
            .wrap_key(&Mechanism::AesKeyWrap, envelope.handle(), key.handle())?)
    }

    /// A packed key, lasting.
    pub(super) fn unpack(
        &self,
        envelope: &impl Key,
        packed: &[u8],
        label: &str,
        lasts: Lasting,
    ) -> Result<ObjectHandle, Fault> {
        let template = lasting(label, lasts.attributes());
        let made =
            self.session
                .unwrap_key(&Mechanism::AesKeyWrap, envelope.handle(), packed, &template);
        match made {
            Ok(handle) => Ok(handle),
            Err(Error::Pkcs11(
                RvError::WrappedKeyInvalid
                | RvError::WrappedKeyLenRange
                | RvError::EncryptedDataInvalid
                | RvError::GeneralError,
                _,
            )) => Err(refused("PackageAltered", label).into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes lasting objects of this label away: what an order that did not come to its end left.
    pub(super) fn remove(&self, label: &str) -> Result<(), Fault> {
        lock(&self.token.known).remove(label);
        for class in [ObjectClass::SECRET_KEY, ObjectClass::PRIVATE_KEY] {
            let template = [
                Attribute::Class(class),
                Attribute::Token(true),
                Attribute::Label(label.as_bytes().to_vec()),
            ];
            for object in self.session.find_objects(&template)? {
                self.session.destroy_object(object)?;
            }
        }
        Ok(())
    }
}

fn lasting(label: &str, mut attributes: Vec<Attribute>) -> Vec<Attribute> {
    attributes.push(Attribute::Token(true));
    attributes.push(Attribute::Label(label.as_bytes().to_vec()));
    attributes
}

fn pair_attributes(signs: bool) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::EC),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(signs),
        Attribute::Derive(!signs),
    ]
}

/// Overwrites the key bytes of a template.
fn wipe(template: Vec<Attribute>) {
    for attribute in template {
        if let Attribute::Value(bytes) = attribute {
            drop(Zeroizing::new(bytes));
        }
    }
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Fault> {
    bytes
        .try_into()
        .map_err(|_| unavailable("the token answered in another length than was asked").into())
}
