//! Key pairs: SM2 signatures, envelopes and key exchange, ECDSA and ECDH over P-256.

use super::openssl;
use getrandom::SysRng;
use gmcrypto_core::asn1::{ciphertext, decode_sig, encode_sig};
use gmcrypto_core::sm2::key_exchange::{Sm2KxConfirm, Sm2KxEphemeralPoint, Sm2KxInitiator};
use gmcrypto_core::sm2::raw_ciphertext::{decode_c1c3c2, encode_c1c3c2};
use gmcrypto_core::sm2::{self, Sm2PrivateKey, Sm2PublicKey};
use hsm_engine::World;
use hsm_engine::algorithms as ours;
use hsm_engine::exchange::{Peer, Role, agree};
use hsm_wire::Hex;
use hsm_wire::gm::{self, PrivateKey};
use libsm::sm2::encrypt::{DecryptCtx, EncryptCtx};
use libsm::sm2::exchange::ExchangeCtxB;
use libsm::sm2::signature::{SigCtx, Signature};
use std::fs;

const IDENTITY: &[u8] = b"1234567812345678";

fn sec1(public: &Hex<64>) -> [u8; 65] {
    let mut bytes = [4; 65];
    bytes[1..].copy_from_slice(&public.0);
    bytes
}

/// One key as all four see it.
struct Key {
    own: PrivateKey,
    public: Hex<64>,
    gm: Sm2PrivateKey,
    gm_public: Sm2PublicKey,
}

fn key() -> Key {
    let own = PrivateKey::generate().unwrap();
    let public = own.public_key().unwrap();
    let gm = Sm2PrivateKey::from_bytes_be(own.expose()).unwrap();
    let gm_public = gm.public_key();
    assert_eq!(gm_public.to_sec1_uncompressed(), sec1(&public));
    Key {
        own,
        public,
        gm,
        gm_public,
    }
}

#[test]
fn sm2_signatures_go_both_ways() {
    let libsm = SigCtx::new();
    for n in 0..12_u8 {
        let key = key();
        let message = vec![n; usize::from(n) * 17];
        let secret = libsm.load_seckey(key.own.expose()).unwrap();
        let point = libsm.load_pubkey(&sec1(&key.public)).unwrap();
        let signed = key.own.sign(&message).unwrap();
        let (r, s) = signed.0.split_at(32);
        assert!(
            libsm
                .verify(&message, &point, &Signature::new(r, s))
                .unwrap()
        );
        let der = encode_sig(r.try_into().unwrap(), s.try_into().unwrap());
        assert!(sm2::verify_with_id(
            &key.gm_public,
            IDENTITY,
            &message,
            &der
        ));
        let theirs = libsm.sign(&message, &secret, &point).unwrap().der_encode();
        let mut raw = [0; 64];
        let (r, s) = decode_sig(&theirs).unwrap();
        raw[..32].copy_from_slice(&r);
        raw[32..].copy_from_slice(&s);
        gm::verify(&key.public, &message, &Hex(raw)).unwrap();
        let theirs = sm2::sign_with_id(&key.gm, IDENTITY, &message, &mut SysRng).unwrap();
        let (r, s) = decode_sig(&theirs).unwrap();
        raw[..32].copy_from_slice(&r);
        raw[32..].copy_from_slice(&s);
        gm::verify(&key.public, &message, &Hex(raw)).unwrap();
    }
}

#[test]
fn sm2_envelopes_go_both_ways() {
    let mut world = World::system();
    let libsm = SigCtx::new();
    for length in [1_usize, 16, 31, 32, 33, 200] {
        let key = key();
        let plain: Vec<u8> = (0..length).map(|n| n as u8).collect();
        let sealed = ours::sm2_encrypt(&mut world, &key.public, &plain).unwrap();
        let parts = decode_c1c3c2(&sealed).unwrap();
        let der = ciphertext::encode(&parts);
        assert_eq!(sm2::decrypt(&key.gm, &der).unwrap(), plain);
        // libsm has the order of before 2012: C1 ‖ C2 ‖ C3.
        let (c1, rest) = sealed.split_at(65);
        let (c3, c2) = rest.split_at(32);
        let secret = libsm.load_seckey(key.own.expose()).unwrap();
        let opener = DecryptCtx::new(length, secret);
        assert_eq!(opener.decrypt(&[c1, c2, c3].concat()).unwrap(), plain);
        let der = sm2::encrypt(&key.gm_public, &plain, &mut SysRng).unwrap();
        let theirs = encode_c1c3c2(&ciphertext::decode(&der).unwrap());
        assert_eq!(
            *ours::sm2_decrypt(key.own.expose(), &theirs).unwrap(),
            plain
        );
        let point = libsm.load_pubkey(&sec1(&key.public)).unwrap();
        let theirs = EncryptCtx::new(length, point).encrypt(&plain).unwrap();
        let (c1, rest) = theirs.split_at(65);
        let (c2, c3) = rest.split_at(length);
        let reordered = [c1, c3, c2].concat();
        assert_eq!(
            *ours::sm2_decrypt(key.own.expose(), &reordered).unwrap(),
            plain
        );
        let mut changed = sealed;
        let last = changed.len() - 1;
        changed[last] ^= 1;
        assert!(ours::sm2_decrypt(key.own.expose(), &changed).is_none());
    }
}

/// We respond, `gmcrypto-core` begins: it accepts our confirmation, and has our key and the confirmation we expect.
#[test]
fn sm2_key_exchange_agrees() {
    for (n, length) in [16_usize, 1, 32, 48, 100].into_iter().enumerate() {
        let (a, b) = (key(), key());
        let (id_a, id_b) = (vec![b'a'; n + 1], vec![b'b'; 20]);
        let sponsor = Sm2KxInitiator::new(&a.gm, &b.gm_public, &id_a, &id_b, length).unwrap();
        let (begun, sponsor) = sponsor.produce_ephemeral(&mut SysRng).unwrap();
        let mut sponsors_temporary = [0; 64];
        sponsors_temporary.copy_from_slice(&begun.to_bytes()[1..]);
        let temporary = PrivateKey::generate().unwrap();
        let public_temporary = temporary.public_key().unwrap();
        let peer = Peer {
            identity: &id_a,
            public_key: &a.public,
            temporary: &Hex(sponsors_temporary),
        };
        let agreed = agree(Role::Responder, &id_b, &b.own, temporary, &peer, length).unwrap();
        let theirs = Sm2KxEphemeralPoint::from_bytes(&sec1(&public_temporary));
        let (their_key, their_say) = sponsor
            .confirm(&theirs, &Sm2KxConfirm::from_bytes(&agreed.responder_says))
            .unwrap();
        assert_eq!(their_key.as_bytes(), &agreed.key[..]);
        assert_eq!(their_say.to_bytes(), agreed.sponsor_says);
    }
}

/// What the ADR says of `libsm` 0.6: its key confirmation hashes two bytes where the standard has one, so nobody else
/// accepts it; it takes private keys that are none.
#[test]
fn where_libsm_leaves_the_standard() {
    let libsm = SigCtx::new();
    let (a, b) = (key(), key());
    let point = |key: &Key| libsm.load_pubkey(&sec1(&key.public)).unwrap();
    let secret = libsm.load_seckey(b.own.expose()).unwrap();
    let identity = "1234567812345678";
    let mut responder =
        ExchangeCtxB::new(16, identity, identity, point(&a), point(&b), secret).unwrap();
    let temporary = PrivateKey::generate().unwrap();
    let begun = libsm
        .load_pubkey(&sec1(&temporary.public_key().unwrap()))
        .unwrap();
    let (theirs, confirmation) = responder.exchange2(&begun).unwrap();
    let theirs = libsm.serialize_pubkey(&theirs, false).unwrap();
    let mut their_temporary = [0; 64];
    their_temporary.copy_from_slice(&theirs[1..]);
    let peer = Peer {
        identity: IDENTITY,
        public_key: &b.public,
        temporary: &Hex(their_temporary),
    };
    let agreed = agree(Role::Sponsor, IDENTITY, &a.own, temporary, &peer, 16).unwrap();
    assert!(agreed.responder_says != confirmation);
    let order = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123";
    for none in [Hex::<32>::parse(order).unwrap().0, [0; 32]] {
        assert!(libsm.load_seckey(&none).is_ok(), "libsm takes 0 and n");
        assert!(PrivateKey::from_bytes(&none).is_err());
    }
    // The order of the parts is that of before 2012.
    let sealed = EncryptCtx::new(4, point(&a)).encrypt(b"text").unwrap();
    assert!(ours::sm2_decrypt(a.own.expose(), &sealed).is_none());
}

/// A P-256 key of OpenSSL's: its file, d, X ‖ Y.
fn p256(dir: &std::path::Path, name: &str) -> (String, [u8; 32], Hex<64>) {
    let path = dir.join(name).to_str().unwrap().to_owned();
    let made = [
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-noout",
        "-out",
    ];
    openssl(&[&made[..], &[&path]].concat(), &[]);
    let der = openssl(&["ec", "-in", &path, "-outform", "DER"], &[]);
    let public = openssl(&["ec", "-in", &path, "-pubout", "-outform", "DER"], &[]);
    fs::write(
        format!("{path}.pub"),
        openssl(&["ec", "-in", &path, "-pubout"], &[]),
    )
    .unwrap();
    // SEQUENCE, version 1, OCTET STRING of 32 bytes.
    assert_eq!(der[5..7], [0x04, 0x20]);
    let mut xy = [0; 64];
    xy.copy_from_slice(&public[public.len() - 64..]);
    (path, der[7..39].try_into().unwrap(), Hex(xy))
}

#[test]
fn p256_signs_and_agrees_as_openssl_does() {
    let dir = tempfile::tempdir().unwrap();
    let (file, d, public) = p256(dir.path(), "a");
    let (other_file, other_d, other_public) = p256(dir.path(), "b");
    assert_eq!(ours::p256_public(&d).unwrap(), public);
    let message = b"a text that is signed";
    let signature = ours::p256_sign(&d, message).unwrap();
    let (r, s) = signature.0.split_at(32);
    let der = encode_sig(r.try_into().unwrap(), s.try_into().unwrap());
    let signed = dir.path().join("signature");
    fs::write(&signed, der).unwrap();
    let signed = signed.to_str().unwrap();
    let public_file = format!("{file}.pub");
    let verify = [
        "dgst",
        "-sha256",
        "-verify",
        &public_file,
        "-signature",
        signed,
    ];
    openssl(&verify, message);
    let theirs = openssl(&["dgst", "-sha256", "-sign", &file], message);
    let (r, s) = decode_sig(&theirs).unwrap();
    let mut raw = [0; 64];
    raw[..32].copy_from_slice(&r);
    raw[32..].copy_from_slice(&s);
    assert!(ours::p256_verify(&public, message, &Hex(raw)));
    assert!(!ours::p256_verify(&other_public, message, &Hex(raw)));
    assert!(!ours::p256_verify(&public, b"another text", &Hex(raw)));
    let peer = format!("{other_file}.pub");
    let said = openssl(
        &["pkeyutl", "-derive", "-inkey", &file, "-peerkey", &peer],
        &[],
    );
    assert_eq!(said, *ours::p256_agree(&d, &other_public).unwrap());
    assert_eq!(said, *ours::p256_agree(&other_d, &public).unwrap());
    assert!(ours::p256_agree(&d, &Hex([1; 64])).is_err());
    assert!(ours::p256_public(&[0; 32]).is_err());
}
