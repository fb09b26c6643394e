//! A personalisation host of the tests' own: the other end of `docs/cos-dialect.md`, written from that page and not from
//! the simulator. Its CMAC is put together by hand from single blocks (NIST SP 800-38B, 6.2), so that a wrong one
//! on the card's side has nobody to agree with. The description of the card comes from the profile, which is data.
#![allow(dead_code)] // each test binary uses its part
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

use std::cell::Cell;

use cardlib_card::profile::{Access, File, Hash, Profile, SecureMessaging};
use cardlib_sim::VirtualCard;
use cipher::{BlockCipherEncrypt, KeyInit};

pub mod card;
pub mod sam;

pub type Block = [u8; 16];

thread_local! {
    /// The algorithms that this test's host speaks: those of `rhc-aes`, or the national ones.
    static AES: Cell<bool> = const { Cell::new(false) };
}

/// From here on this test speaks the profile's algorithms.
pub fn speak(profile: &Profile) {
    AES.set(profile.name == "rhc-aes");
}

/// The algorithm byte (D20, D46).
pub fn algorithm() -> u8 {
    if AES.get() { 5 } else { 4 }
}

/// One block of SM4, or of AES-128.
pub fn sm4(key: &Block, input: Block) -> Block {
    let mut block = input.into();
    if AES.get() {
        aes::Aes128::new(&(*key).into()).encrypt_block(&mut block);
    } else {
        sm4::Sm4::new(&(*key).into()).encrypt_block(&mut block);
    }
    block.into()
}

pub fn xor(a: Block, b: &[u8]) -> Block {
    let mut out = a;
    out.iter_mut().zip(b).for_each(|(x, y)| *x ^= y);
    out
}

pub fn pad(data: &[u8]) -> Vec<u8> {
    let mut out = data.to_vec();
    out.push(0x80);
    while !out.len().is_multiple_of(16) {
        out.push(0);
    }
    out
}

pub fn cbc(key: &Block, iv: Block, data: &[u8]) -> Vec<u8> {
    let mut last = iv;
    let mut out = Vec::new();
    for block in data.chunks(16) {
        last = sm4(key, xor(last, block));
        out.extend(last);
    }
    out
}

fn double(block: Block) -> Block {
    let number = u128::from_be_bytes(block);
    let carry = if number >> 127 == 1 { 0x87 } else { 0 };
    ((number << 1) ^ carry).to_be_bytes()
}

pub fn cmac(key: &Block, data: &[u8]) -> Block {
    let k1 = double(sm4(key, [0; 16]));
    let k2 = double(k1);
    let whole = !data.is_empty() && data.len().is_multiple_of(16);
    let mut message = if whole { data.to_vec() } else { pad(data) };
    let at = message.len() - 16;
    let last = xor(if whole { k1 } else { k2 }, &message[at..]);
    message[at..].copy_from_slice(&last);
    cbc(key, [0; 16], &message)[at..].try_into().unwrap()
}

/// D2, D1.
pub fn spread(key: &Block, factor: [u8; 8]) -> Block {
    let inverted = factor.map(|b| !b);
    sm4(key, [factor, inverted].concat().try_into().unwrap())
}

/// D31: the first 16 bytes of SM3 (SHA-256) over a label.
pub fn labelled(label: &str) -> Block {
    let hash = if AES.get() { Hash::Sha256 } else { Hash::Sm3 };
    cardlib_card::suite::digest(hash, label.as_bytes())[..16]
        .try_into()
        .unwrap()
}

pub fn transport_key(factor: [u8; 8]) -> Block {
    spread(&labelled("RHC-TEST-TRANSPORT"), factor)
}

/// Sends a command; follows `61 L`.
pub fn send(card: &mut dyn VirtualCard, apdu: &[u8]) -> (Vec<u8>, u16) {
    let mut answer = card.handle(apdu);
    if answer.len() == 2 && answer[0] == 0x61 {
        answer = card.handle(&[0x00, 0xC0, 0x00, 0x00, answer[1]]);
    }
    let at = answer.len() - 2;
    let status = u16::from_be_bytes([answer[at], answer[at + 1]]);
    answer.truncate(at);
    (answer, status)
}

/// Status of a command given in hex.
pub fn status(card: &mut dyn VirtualCard, apdu: &str) -> String {
    let apdu = hex::decode(apdu.replace(' ', "")).unwrap();
    format!("{:04X}", send(card, &apdu).1)
}

/// What INITIALIZE UPDATE tells.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Greeting {
    pub factor: [u8; 8],
    pub version: u8,
    pub counter: u32,
    pub state: u8,
    pub challenge: [u8; 8],
    pub cryptogram: [u8; 8],
}

pub fn initialize_update(
    card: &mut dyn VirtualCard,
    version: u8,
    host_challenge: [u8; 8],
) -> Result<Greeting, u16> {
    let apdu = [&[0x80, 0x50, version, 0x00, 0x08], &host_challenge[..]].concat();
    let (data, status) = send(card, &apdu);
    if status != 0x9000 {
        return Err(status);
    }
    assert_eq!(data.len(), 29);
    Ok(Greeting {
        factor: data[..8].try_into().unwrap(),
        version: data[8],
        counter: u32::from_be_bytes([0, data[9], data[10], data[11]]),
        state: data[12],
        challenge: data[13..21].try_into().unwrap(),
        cryptogram: data[21..].try_into().unwrap(),
    })
}

/// An open session, host side.
#[derive(Clone)]
pub struct Host {
    s_enc: Block,
    s_mac: Block,
    k_dek: Block,
    chain: Block,
    count: u128,
    level: u8,
}

impl Host {
    /// Opens a session under a base key; checks that the card foretold the right challenge and holds the key.
    pub fn open(
        card: &mut dyn VirtualCard,
        base: &Block,
        version: u8,
        level: u8,
    ) -> Result<Self, u16> {
        let host_challenge = *b"hostchal";
        let greeting = initialize_update(card, version, host_challenge)?;
        let (mut host, authenticate) = Self::prepare(base, &greeting, host_challenge, level);
        let (_, status) = send(card, &authenticate);
        host.level = level;
        if status == 0x9000 {
            Ok(host)
        } else {
            Err(status)
        }
    }

    /// A stranger's try: keys from a wrong base key, the card's answers not looked at.
    pub fn open_unchecked(
        card: &mut dyn VirtualCard,
        base: &Block,
        version: u8,
    ) -> Result<(), u16> {
        let host_challenge = *b"hostchal";
        let mut greeting = initialize_update(card, version, host_challenge)?;
        let mut input = [0u8; 16];
        input[..13].copy_from_slice(b"SCP-SM4-V1-CC");
        input[13..].copy_from_slice(&greeting.counter.to_be_bytes()[1..]);
        greeting.challenge.copy_from_slice(&sm4(base, input)[..8]);
        let guess = Self::guess(base, &greeting, host_challenge);
        match send(card, &guess).1 {
            0x9000 => Ok(()),
            status => Err(status),
        }
    }

    fn guess(base: &Block, greeting: &Greeting, host_challenge: [u8; 8]) -> Vec<u8> {
        let both: Block = [host_challenge, greeting.challenge]
            .concat()
            .try_into()
            .unwrap();
        let mut input = [0u8; 16];
        input[..14].copy_from_slice(b"SCP-SM4-V1-MAC");
        let s_mac = sm4(&sm4(base, input), both);
        let data = [b"SCP-SM4-V1-HOST".as_slice(), &[0], &both].concat();
        let mine = cmac(&s_mac, &data)[..8].to_vec();
        let message = [&[0; 16][..], &[0x84, 0x82, 3, 0, 16], &mine].concat();
        let mac = cmac(&s_mac, &message)[..8].to_vec();
        [&[0x84, 0x82, 3, 0, 16], &mine[..], &mac].concat()
    }

    /// The session's keys and the EXTERNAL AUTHENTICATE that opens it.
    pub fn prepare(
        base: &Block,
        greeting: &Greeting,
        host_challenge: [u8; 8],
        level: u8,
    ) -> (Self, Vec<u8>) {
        let mut input = [0u8; 16];
        input[..13].copy_from_slice(b"SCP-SM4-V1-CC");
        input[13..].copy_from_slice(&greeting.counter.to_be_bytes()[1..]);
        assert_eq!(
            greeting.challenge,
            sm4(base, input)[..8],
            "foretold challenge"
        );
        let key = |label: &[u8; 14]| {
            let mut input = [0u8; 16];
            input[..14].copy_from_slice(label);
            sm4(base, input)
        };
        let both: Block = [host_challenge, greeting.challenge]
            .concat()
            .try_into()
            .unwrap();
        let mut host = Self {
            s_enc: sm4(&key(b"SCP-SM4-V1-ENC"), both),
            s_mac: sm4(&key(b"SCP-SM4-V1-MAC"), both),
            k_dek: key(b"SCP-SM4-V1-DEK"),
            chain: [0; 16],
            count: 0,
            level,
        };
        let cryptogram = |label: &str| {
            let data = [label.as_bytes(), &[0], &both].concat();
            cmac(&host.s_mac, &data)[..8].to_vec()
        };
        assert_eq!(greeting.cryptogram, *cryptogram("SCP-SM4-V1-CARD"));
        let mine = cryptogram("SCP-SM4-V1-HOST");
        let apdu = host.protect([0x84, 0x82, level, 0x00], &mine);
        (host, apdu)
    }

    fn protect(&mut self, header: [u8; 4], sent: &[u8]) -> Vec<u8> {
        let lc = (sent.len() + 8) as u8;
        let message = [&self.chain[..], &header, &[lc], sent].concat();
        self.chain = cmac(&self.s_mac, &message);
        [&header[..], &[lc], sent, &self.chain[..8]].concat()
    }

    /// A command of the session.
    pub fn command(&mut self, header: [u8; 4], plain: &[u8]) -> Vec<u8> {
        self.count += 1;
        let mut sent = plain.to_vec();
        if self.level == 3 && !plain.is_empty() {
            let iv = sm4(&self.s_enc, self.count.to_be_bytes());
            sent = cbc(&self.s_enc, iv, &pad(plain));
        }
        self.protect(header, &sent)
    }

    pub fn run(&mut self, card: &mut dyn VirtualCard, header: [u8; 4], plain: &[u8]) -> u16 {
        let apdu = self.command(header, plain);
        send(card, &apdu).1
    }

    /// `header(9) ‖ wrapped key ‖ check value`.
    pub fn key_field(&self, header: &[u8], key: &Block) -> Vec<u8> {
        let wrapped = cbc(&self.k_dek, [0; 16], key);
        [header, &wrapped, &sm4(key, [0; 16])[..3]].concat()
    }

    pub fn write_key(
        &mut self,
        card: &mut dyn VirtualCard,
        p1: u8,
        header: &[u8],
        key: &Block,
    ) -> u16 {
        let field = self.key_field(header, key);
        self.run(card, [0x84, 0xD4, p1, 0x00], &field)
    }

    pub fn store(&mut self, card: &mut dyn VirtualCard, place: &str, bytes: &[u8]) -> u16 {
        let plain = [&hex::decode(place).unwrap(), bytes].concat();
        self.run(card, [0x84, 0xDA, 0x00, 0x00], &plain)
    }
}

pub const CMK_HEADER: [u8; 9] = [0, 0, 0, 1, 1, 0, 0, 0, 0];

/// The 14 bytes of CREATE FILE for a directory.
pub fn df_descriptor(parent: u16, fid: u16) -> Vec<u8> {
    let mut out = [parent.to_be_bytes(), fid.to_be_bytes()].concat();
    out.push(0x38);
    out.resize(14, 0);
    out
}

/// The 14 bytes of CREATE FILE for a file.
pub fn ef_descriptor(profile: &Profile, parent: u16, file: &File) -> Vec<u8> {
    let kid = |name: &str| profile.key(name).unwrap().kid;
    let access = |access: &Access| match access {
        Access::Free => 0x00,
        Access::Never => 0xFF,
        Access::Key(name) => kid(name),
    };
    let kind = match format!("{:?}", file.kind).as_str() {
        "Binary" => 1,
        "Fixed" => 2,
        "Variable" => 4,
        _ => 6,
    };
    let messaging = match file.secure_messaging {
        SecureMessaging::None => 0,
        SecureMessaging::CipherMac => 1,
        SecureMessaging::Mac => 2,
    };
    let mut out = [parent.to_be_bytes(), file.fid.to_be_bytes()].concat();
    out.push(kind);
    out.extend((file.size as u16).to_be_bytes());
    out.extend([
        file.records as u8,
        access(&file.read),
        access(&file.update),
        access(&file.erase),
        file.maintenance.as_deref().map_or(0, kid),
        messaging | if file.write_once { 4 } else { 0 },
        0,
    ]);
    out
}

/// Header of every key version, in the profile's order, with the class numbers of the dialect's page.
pub fn key_headers(profile: &Profile) -> Vec<(String, [u8; 9])> {
    profile
        .key_instances()
        .map(|instance| {
            let key = instance.key;
            let [high, low] = profile.df(&key.df).unwrap().fid.to_be_bytes();
            let (class, limit) = match &key.name[..2] {
                "IR" => (1, 0),
                "RK" => (2, 10),
                "UK" if key.name == "UK2_DF03" => (4, 10),
                "UK" => (3, 10),
                "LK" | "BK" => (5, 10),
                _ => (6, 0),
            };
            let version = instance.version;
            let header = [high, low, class, key.kid, version, algorithm(), limit, 0, 0];
            (format!("{}-v{version}", key.name), header)
        })
        .collect()
}

/// Any key of the tests' card.
pub fn card_key(name: &str) -> Block {
    labelled(&format!("tests/{name}"))
}

/// A full script on a card that offers `version` with key `base`.
pub struct Script<'a> {
    pub profile: &'static Profile,
    pub card: &'a mut dyn VirtualCard,
    pub factor: [u8; 8],
    pub level: u8,
}

impl Script<'_> {
    /// Open (with the master key on a blank), WIPE.
    pub fn open(&mut self) -> Host {
        let cmk = card_key("CMK");
        if initialize_update(self.card, 0xFF, [0; 8]).unwrap().version == 0 {
            let transport = transport_key(self.factor);
            let mut host = Host::open(self.card, &transport, 0, self.level).unwrap();
            assert_eq!(host.write_key(self.card, 1, &CMK_HEADER, &cmk), 0x9000);
        }
        let mut host = Host::open(self.card, &cmk, 1, self.level).unwrap();
        assert_eq!(host.run(self.card, [0x84, 0xE4, 0, 0], &[]), 0x9000);
        host
    }

    pub fn files(&mut self, host: &mut Host) {
        let profile = self.profile;
        for df in &profile.dfs {
            if let Some(parent) = df.parent.as_deref().and_then(|p| profile.df(p)) {
                let descriptor = df_descriptor(parent.fid, df.fid);
                assert_eq!(host.run(self.card, [0x84, 0xE0, 0, 0], &descriptor), 0x9000);
            }
            for file in profile.files_of(&df.name) {
                let descriptor = ef_descriptor(profile, df.fid, file);
                let status = host.run(self.card, [0x84, 0xE0, 0, 0], &descriptor);
                assert_eq!(status, 0x9000, "{}", file.path);
            }
        }
    }

    pub fn keys(&mut self, host: &mut Host) {
        for (name, header) in key_headers(self.profile) {
            let status = host.write_key(self.card, 0, &header, &card_key(&name));
            assert_eq!(status, 0x9000, "{name}");
        }
    }

    pub fn data(&mut self, host: &mut Host) {
        let ef05 = b"\x01\x011\x39\x03\x41\x01\x00";
        assert_eq!(host.store(self.card, "DDF1EF050000", ef05), 0x9000);
        let name = [b"\x0B\x1E".as_slice(), "张三".as_bytes(), &[0; 24]].concat();
        assert_eq!(host.store(self.card, "DDF1EF060000", &name), 0x9000);
        let photo = [b"\x00\x03".as_slice(), b"JPG"].concat();
        assert_eq!(host.store(self.card, "DDF1EF070000", &photo), 0x9000);
        assert_eq!(host.store(self.card, "DDF1EF0703E8", &[0x5A; 233]), 0x9000);
        assert_eq!(host.store(self.card, "DF02EF080000", &[1; 24]), 0x9000);
        assert_eq!(host.store(self.card, "DF02EF080000", &[2; 24]), 0x9000);
        assert_eq!(host.store(self.card, "DF03EF050002", &[0]), 0x9000);
    }

    pub fn finish(&mut self, host: &mut Host) {
        assert_eq!(host.run(self.card, [0x84, 0xF0, 5, 0], &[]), 0x9000);
        assert_eq!(host.run(self.card, [0x84, 0xF0, 7, 0], &[]), 0x9000);
    }

    pub fn whole(&mut self) {
        let mut host = self.open();
        self.files(&mut host);
        self.keys(&mut host);
        self.data(&mut host);
        self.finish(&mut host);
    }
}
