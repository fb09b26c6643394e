//! The example of the standard, and what is refused.

use super::*;

const IDENTITY: &[u8] = b"1234567812345678";

fn key(text: &str) -> PrivateKey {
    PrivateKey::from_bytes(&Hex::parse(text).expect("32 bytes").0).expect("a private key")
}

fn public(key: &PrivateKey) -> Hex<64> {
    key.public_key().expect("a public key")
}

struct Side {
    long: PrivateKey,
    short: PrivateKey,
}

/// GM/T 0003.5: d_A, r_A; d_B, r_B.
fn sides() -> [Side; 2] {
    [
        Side {
            long: key("81EB26E941BB5AF16DF116495F90695272AE2CD63D6C4AE1678418BE48230029"),
            short: key("D4DE15474DB74D06491C440D305E012400990F3E390C7E87153C12DB2EA60BB3"),
        },
        Side {
            long: key("785129917D45A9EA5437A59356B82338EAADDA6CEB199088F14AE10DEFA229B5"),
            short: key("7E07124814B309489125EAED101113164EBF0F3458C5BD88335C1F9D596243D6"),
        },
    ]
}

fn half(
    role: Role,
    own: &Side,
    peer: (&Hex<64>, &Hex<64>),
    identity: &[u8],
    length: usize,
) -> Result<Agreed, ExchangeError> {
    let temporary = PrivateKey::from_bytes(own.short.expose()).expect("a private key");
    let peer = Peer {
        identity: IDENTITY,
        public_key: peer.0,
        temporary: peer.1,
    };
    agree(role, identity, &own.long, temporary, &peer, length)
}

#[test]
fn the_example_of_the_standard() {
    let [a, b] = sides();
    let (pa, ra, pb, rb) = (
        public(&a.long),
        public(&a.short),
        public(&b.long),
        public(&b.short),
    );
    let sponsor = half(Role::Sponsor, &a, (&pb, &rb), IDENTITY, 16).expect("agrees");
    let responder = half(Role::Responder, &b, (&pa, &ra), IDENTITY, 16).expect("agrees");
    for side in [sponsor, responder] {
        assert_eq!(
            hex::encode_upper(&*side.key),
            "6C89347354DE2484C60B4AB1FDE4C6E5"
        );
        assert_eq!(
            hex::encode_upper(side.responder_says),
            "D3A0FE15DEE185CEAE907A6B595CC32A266ED7B3367E9983A896DC32FA20F8EB"
        );
        assert_eq!(
            hex::encode_upper(side.sponsor_says),
            "18C7894B3816DF16CF07B05C5EC0BEF5D655D58F779CC1B400A4F3884644DB88"
        );
    }
}

/// What stands on the way in the same example: both Z, and both temporary public keys.
#[test]
fn the_examples_intermediate_values() {
    let [a, b] = sides();
    let z = |side: &Side| {
        let hash = identity_hash(IDENTITY, &public(&side.long)).expect("a hash");
        hex::encode_upper(hash)
    };
    assert_eq!(
        z(&a),
        "3B85A57179E11E7E513AA622991F2CA74D1807A0BD4D4B38F90987A17AC245B1"
    );
    assert_eq!(
        z(&b),
        "79C988D63229D97EF19FE02CA1056E01E6A7411ED24694AA8F834F4A4AB022F7"
    );
    assert_eq!(
        public(&a.short).to_string(),
        concat!(
            "64CED1BDBC99D590049B434D0FD73428CF608A5DB8FE5CE07F15026940BAE40E",
            "376629C7AB21E7DB260922499DDB118F07CE8EAAE3E7720AFEF6A5CC062070C0"
        )
    );
    assert_eq!(
        public(&b.short).to_string(),
        concat!(
            "ACC27688A6F7B706098BC91FF3AD1BFF7DC2802CDB14CCCCDB0A90471F9BD707",
            "2FEDAC0494B2FFC4D6853876C79B8F301C6573AD0AA50F39FC87181E1A1B46FE"
        )
    );
}

#[test]
fn every_length_begins_alike_and_another_identity_gives_another_key() {
    let [a, b] = sides();
    let (pb, rb) = (public(&b.long), public(&b.short));
    let long = half(Role::Sponsor, &a, (&pb, &rb), IDENTITY, 1024).expect("agrees");
    for length in [1, 31, 32, 33, 100] {
        let short = half(Role::Sponsor, &a, (&pb, &rb), IDENTITY, length).expect("agrees");
        assert_eq!(*short.key, long.key[..length]);
    }
    let other = half(Role::Sponsor, &a, (&pb, &rb), b"somebody else", 16).expect("agrees");
    assert!(*other.key != long.key[..16] && other.responder_says != long.responder_says);
}

#[test]
fn points_off_the_curve_and_lengths_out_of_bounds_are_refused() {
    let [a, b] = sides();
    let (pb, rb) = (public(&b.long), public(&b.short));
    let mut off = rb;
    off.0[63] ^= 1;
    let zero = Hex([0; 64]);
    for wrong in [&off, &zero] {
        assert_eq!(
            half(Role::Sponsor, &a, (&pb, wrong), IDENTITY, 16).err(),
            Some(ExchangeError::PublicKey)
        );
        assert_eq!(
            half(Role::Sponsor, &a, (wrong, &rb), IDENTITY, 16).err(),
            Some(ExchangeError::PublicKey)
        );
    }
    for length in [0, 1025] {
        assert_eq!(
            half(Role::Sponsor, &a, (&pb, &rb), IDENTITY, length).err(),
            Some(ExchangeError::Length)
        );
    }
    assert_eq!(
        half(Role::Sponsor, &a, (&pb, &rb), &[1; 1025], 16).err(),
        Some(ExchangeError::Length)
    );
}
