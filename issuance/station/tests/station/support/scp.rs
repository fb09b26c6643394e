//! The sender's side of `docs/cos-dialect.md`, written from that page for these tests: what an HSM does when it fills a
//! card's script. Formulas are neither the simulator's nor the HSM's.

use cardlib_card::dialect::{AnswerKind, Base, BaseKey, Level, MacText, Plan, Segment, Step};
use cipher::{BlockCipherEncrypt, KeyInit};
use cmac::{Cmac, Mac};
use sm4::Sm4;

/// A key in the clear: these are the public test keys.
pub type Key = [u8; 16];

/// One block.
pub fn encrypt(key: &Key, block: [u8; 16]) -> [u8; 16] {
    let mut block = block.into();
    Sm4::new(&(*key).into()).encrypt_block(&mut block);
    block.into()
}

/// `E(K, F ‖ ~F)`.
pub fn diversify(key: &Key, factor: [u8; 8]) -> Key {
    encrypt(
        key,
        std::array::from_fn(|i| if i < 8 { factor[i] } else { !factor[i - 8] }),
    )
}

fn cbc(key: &Key, iv: [u8; 16], plain: &[u8]) -> Vec<u8> {
    let mut state = iv;
    let mut out = Vec::new();
    for block in plain.chunks_exact(16) {
        state = encrypt(key, std::array::from_fn(|i| state[i] ^ block[i]));
        out.extend_from_slice(&state);
    }
    out
}

fn cmac(key: &Key, data: &[u8]) -> [u8; 16] {
    let mut mac = <Cmac<Sm4> as KeyInit>::new(&(*key).into());
    mac.update(data);
    mac.finalize().into_bytes().into()
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut out = data.to_vec();
    out.push(0x80);
    out.resize(out.len().div_ceil(16) * 16, 0);
    out
}

/// Three upper-case hexadecimal characters of a CBC-MAC (D22).
pub fn code(key: &Key, text: &MacText) -> String {
    let mac = cbc(key, [0; 16], &padded(&text.text));
    hex::encode_upper(&mac[mac.len() - 16..])[..usize::from(text.digits)].to_owned()
}

struct Session {
    enc: Key,
    mac: Key,
    dek: Key,
    chain: [u8; 16],
    count: u128,
}

/// A command, the last eight bytes its answer must have, and what kept answer it brings.
pub type Sent = (Vec<u8>, Option<[u8; 8]>, Option<AnswerKind>);

/// Opens a session: INITIALIZE UPDATE and EXTERNAL AUTHENTICATE.
fn open(base: &Key, version: u8, counter: u32, hc: [u8; 8]) -> (Session, [Sent; 2]) {
    let label = |text: &str, tail: &[u8]| {
        let mut block = [0; 16];
        block[..text.len()].copy_from_slice(text.as_bytes());
        block[text.len()..text.len() + tail.len()].copy_from_slice(tail);
        block
    };
    let derive = |text: &str| encrypt(base, label(text, &[]));
    let cc = encrypt(base, label("SCP-SM4-V1-CC", &counter.to_be_bytes()[1..]));
    let mut both = [0; 16];
    both[..8].copy_from_slice(&hc);
    both[8..].copy_from_slice(&cc[..8]);
    let mut session = Session {
        enc: encrypt(&derive("SCP-SM4-V1-ENC"), both),
        mac: encrypt(&derive("SCP-SM4-V1-MAC"), both),
        dek: derive("SCP-SM4-V1-DEK"),
        chain: [0; 16],
        count: 0,
    };
    let cryptogram = |text: &str| {
        let all = cmac(&session.mac, &[text.as_bytes(), &[0], &both].concat());
        <[u8; 8]>::try_from(&all[..8]).expect("eight")
    };
    let (card, host) = (cryptogram("SCP-SM4-V1-CARD"), cryptogram("SCP-SM4-V1-HOST"));
    let first = [&[0x80, 0x50, version, 0x00, 8][..], &hc].concat();
    let second = session.protect([0x84, 0x82, 0x03, 0x00], &host);
    (session, [(first, Some(card), None), (second, None, None)])
}

impl Session {
    fn protect(&mut self, header: [u8; 4], sent: &[u8]) -> Vec<u8> {
        let lc = u8::try_from(sent.len() + 8).expect("fits a command");
        let chain = cmac(&self.mac, &[&self.chain[..], &header, &[lc], sent].concat());
        self.chain = chain;
        [&header[..], &[lc], sent, &chain[..8]].concat()
    }

    fn command(&mut self, header: [u8; 4], plain: &[u8]) -> Vec<u8> {
        self.count += 1;
        if plain.is_empty() {
            return self.protect(header, &[]);
        }
        let iv = encrypt(&self.enc, self.count.to_be_bytes());
        let sent = cbc(&self.enc, iv, &padded(plain));
        self.protect(header, &sent)
    }
}

/// Fills a plan; gives the phases with their commands, and the security code.
pub fn fill(
    plan: &Plan,
    held: &dyn Fn(&str, u8, u8) -> Key,
    hc: &mut dyn FnMut() -> [u8; 8],
) -> (Vec<(String, Vec<Sent>)>, Option<String>) {
    let slots: Vec<Key> = plan
        .slots
        .iter()
        .map(|slot| held(&slot.key, slot.version, slot.levels))
        .collect();
    let codes: Vec<String> = plan
        .mac_texts
        .iter()
        .map(|text| code(&held(&text.key, text.version, 0), text))
        .collect();
    let mut session: Option<Session> = None;
    let mut phases = Vec::new();
    for phase in &plan.phases {
        let mut sent: Vec<Sent> = Vec::new();
        for step in &phase.steps {
            match &**step {
                Step::Open {
                    base,
                    key_version,
                    counter,
                    level,
                } => {
                    assert_eq!(*level, Level::MacEncrypt);
                    let key = match base {
                        // SMK_P is the one master key with two levels (D40).
                        Base::Held(base) => {
                            held(base.name(), 0, if *base == BaseKey::SmkP { 2 } else { 1 })
                        }
                        Base::Slot(slot) => slots[*slot],
                    };
                    let (opened, commands) = open(&key, *key_version, *counter, hc());
                    session = Some(opened);
                    sent.extend(commands);
                }
                Step::Command {
                    header,
                    segments,
                    answer,
                } => {
                    let session = session.as_mut().expect("opened");
                    let mut plain = Vec::new();
                    for segment in segments {
                        match segment {
                            Segment::Literal(bytes) => plain.extend_from_slice(bytes),
                            Segment::Key(slot) => {
                                plain.extend(cbc(&session.dek, [0; 16], &slots[*slot]))
                            }
                            Segment::CheckValue(slot) => {
                                plain.extend_from_slice(&encrypt(&slots[*slot], [0; 16])[..3])
                            }
                            Segment::MacText(text) => {
                                plain.extend_from_slice(codes[*text].as_bytes())
                            }
                            Segment::TestScalar(_) => panic!("these SAMs make their own key pair"),
                        }
                    }
                    sent.push((session.command(*header, &plain), None, *answer));
                }
            }
        }
        phases.push((phase.name.to_owned(), sent));
    }
    (phases, codes.into_iter().next())
}
