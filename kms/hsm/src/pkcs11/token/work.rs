//! What a session does in the token: finds and makes keys, derives, wraps, encrypts, signs, packs for another token. Key bytes stay
//! inside.

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::ekdf::AesCbcDeriveParams;
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::super::{refused, unavailable};
use super::{Block, Fault, Key, Lasting, P256, Passing, Role, Work, lock};

impl<'a> Work<'a> {
    /// A lasting secret key.
    pub(in crate::pkcs11) fn key(&self, label: &str) -> Result<ObjectHandle, Fault> {
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
    pub(in crate::pkcs11) fn derive(
        &self,
        parent: &impl Key,
        block: &Block,
        role: Role,
    ) -> Result<Passing<'a>, Fault> {
        self.derive_for(parent, block, role, false)
    }

    /// The same for a key that will be wrapped.
    pub(in crate::pkcs11) fn derive_parcel(
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
    pub(in crate::pkcs11) fn open_block(
        &self,
        parent: &impl Key,
        block: &Block,
    ) -> Result<Block, Fault> {
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
    pub(in crate::pkcs11) fn check_value(&self, key: &impl Key) -> Result<[u8; 3], Fault> {
        let [a, b, c, ..] = self.open_block(key, &[0; 16])?;
        Ok([a, b, c])
    }

    /// D8, of a lasting key in any role.
    pub(in crate::pkcs11) fn check_value_of(
        &self,
        key: &impl Key,
        lasts: Lasting,
    ) -> Result<[u8; 3], Fault> {
        if lasts.role == Role::Parent {
            return self.check_value(key);
        }
        let [a, b, c, ..] = exact::<16>(&self.ecb(key, &[0; 16])?)?;
        Ok([a, b, c])
    }

    /// The key as one block under K_DEK: CBC with IV 0 over one block.
    pub(in crate::pkcs11) fn wrap(&self, dek: &impl Key, key: &impl Key) -> Result<Block, Fault> {
        let mechanism = Mechanism::AesCbc([0; 16]);
        let wrapped = self
            .session
            .wrap_key(&mechanism, dek.handle(), key.handle())?;
        exact(&wrapped)
    }

    /// Whole blocks under CBC.
    pub(in crate::pkcs11) fn cbc(
        &self,
        key: &impl Key,
        iv: Block,
        data: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        Ok(self
            .session
            .encrypt(&Mechanism::AesCbc(iv), key.handle(), data)?)
    }

    /// Whole blocks, each for itself.
    pub(in crate::pkcs11) fn ecb(&self, key: &impl Key, data: &[u8]) -> Result<Vec<u8>, Fault> {
        Ok(self
            .session
            .encrypt(&Mechanism::AesEcb, key.handle(), data)?)
    }

    /// SP 800-38B.
    pub(in crate::pkcs11) fn cmac(&self, key: &impl Key, data: &[u8]) -> Result<Block, Fault> {
        exact(&self.session.sign(&Mechanism::AesCMac, key.handle(), data)?)
    }

    /// Bytes of the token's generator.
    pub(in crate::pkcs11) fn random<const N: usize>(&self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.session.generate_random_slice(&mut bytes)?;
        Ok(bytes)
    }

    /// ECDSA over SHA-256 of the message, r‖s.
    pub(in crate::pkcs11) fn sign(&self, label: &str, message: &[u8]) -> Result<[u8; 64], Fault> {
        let key = self.find(label, ObjectClass::PRIVATE_KEY)?;
        let digest = Sha256::digest(message);
        exact(&self.session.sign(&Mechanism::Ecdsa, key, &digest)?)
    }

    /// A lasting random key.
    pub(in crate::pkcs11) fn generate(
        &self,
        label: &str,
        lasts: Lasting,
    ) -> Result<ObjectHandle, Fault> {
        let mut template = lasting(label, lasts.attributes());
        template.push(Attribute::ValueLen(16.into()));
        Ok(self
            .session
            .generate_key(&Mechanism::AesKeyGen, &template)?)
    }

    /// A lasting key of known bytes: public test keys and raw ones, TEST only.
    pub(in crate::pkcs11) fn plant(
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
    pub(in crate::pkcs11) fn plant_pair(&self, label: &str, d: &[u8; 32]) -> Result<(), Fault> {
        let mut template = lasting(label, pair_attributes(true));
        template.push(Attribute::EcParams(P256.to_vec()));
        template.push(Attribute::Value(d.to_vec()));
        let made = self.session.create_object(&template);
        wipe(template);
        made?;
        Ok(())
    }

    /// A lasting random key pair; X‖Y of its public half.
    pub(in crate::pkcs11) fn pair(&self, label: &str, signs: bool) -> Result<[u8; 64], Fault> {
        let (_, public) = self.new_pair(lasting(label, pair_attributes(signs)))?;
        Ok(public)
    }

    /// A fresh pair for one agreement.
    pub(in crate::pkcs11) fn passing_pair(&self) -> Result<(Passing<'a>, [u8; 64]), Fault> {
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
    pub(in crate::pkcs11) fn private(&self, label: &str) -> Result<ObjectHandle, Fault> {
        self.find(label, ObjectClass::PRIVATE_KEY)
    }

    /// The key that wraps a package's keys: AES-256 of (ECDH's x, context), both steps in the token.
    pub(in crate::pkcs11) fn envelope(
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
    pub(in crate::pkcs11) fn pack(
        &self,
        envelope: &impl Key,
        key: &impl Key,
    ) -> Result<Vec<u8>, Fault> {
        Ok(self
            .session
            .wrap_key(&Mechanism::AesKeyWrap, envelope.handle(), key.handle())?)
    }

    /// A packed key, lasting.
    pub(in crate::pkcs11) fn unpack(
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
    pub(in crate::pkcs11) fn remove(&self, label: &str) -> Result<(), Fault> {
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
