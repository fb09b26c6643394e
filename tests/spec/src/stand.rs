//! A card and SAMs whose copy of the profile may be perturbed, and the page they are held against.

use cardlib_card::content::CardContent;
use cardlib_card::profile::Profile;
use cardlib_sim::sam::MintedSam;
use cardlib_sim::{Chip, Random, SamCard, TransportMaster, UserCard};

use crate::host::{self, Block, Host, card_key, status};
use crate::page;

/// The factor of every test card and the serial of every test SAM here.
pub const FACTOR: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];

/// What a behaviour test works on.
pub struct Stand {
    /// The copy of card and SAM; whoever asks them keeps to the page.
    pub copy: &'static Profile,
    /// Name of the profile whose page counts.
    pub page: &'static str,
}

impl Stand {
    /// Everything as it should be.
    ///
    /// # Panics
    /// The profile is none of the embedded ones.
    #[must_use]
    pub fn sound(page: &'static str) -> Self {
        let copy = Profile::named(page).unwrap_or_else(|| panic!("no profile {page}"));
        Self { copy, page }
    }

    #[must_use]
    pub fn aes(&self) -> bool {
        self.page == "rhc-aes"
    }

    #[must_use]
    pub fn three_levels(&self) -> bool {
        self.page == "rhc-three-level"
    }

    #[must_use]
    pub fn bank(&self) -> bool {
        self.page == "rhc-2012-bank"
    }

    /// An active card with nothing on it; its keys are those of [`card_key`].
    #[must_use]
    pub fn card(&self) -> UserCard {
        self.card_with(&CardContent::default())
    }

    /// The same with content.
    #[must_use]
    pub fn card_with(&self, content: &CardContent) -> UserCard {
        let chip = Chip::test(self.copy, FACTOR);
        let random = Random::from_seed(Some(9));
        let key_of = |i: cardlib_card::profile::KeyInstance<'_>| {
            card_key(&format!("{}-v{}", i.key.name, i.version))
        };
        UserCard::minted(self.copy, chip, content, key_of, random).expect("content that fits")
    }

    /// A card as its maker delivers it.
    #[must_use]
    pub fn blank(&self) -> UserCard {
        let key = TransportMaster::test_of(self.copy).key_of(&FACTOR);
        let chip = Chip::test(self.copy, FACTOR);
        UserCard::blank(self.copy, chip, key, Random::from_seed(Some(9)))
    }

    /// A card with its master key, directories in place, and the session in which the rest is written.
    #[must_use]
    pub fn half_made(&self) -> (UserCard, Host) {
        let mut card = self.blank();
        let transport = host::transport_key(FACTOR);
        let mut host = Host::open(&mut card, &transport, 0, 3).expect("transport session");
        let cmk = card_key("CMK");
        assert_eq!(
            host.write_key(&mut card, 1, &host::CMK_HEADER, &cmk),
            0x9000
        );
        let mut host = Host::open(&mut card, &cmk, 1, 3).expect("master session");
        assert_eq!(host.run(&mut card, [0x84, 0xE4, 0, 0], &[]), 0x9000);
        for (name, fid, parent, _) in self.directories() {
            if !parent.is_empty() {
                let descriptor = host::df_descriptor(fid_of(parent), word(fid));
                let said = host.run(&mut card, [0x84, 0xE0, 0, 0], &descriptor);
                assert_eq!(said, 0x9000, "CREATE {name}");
            }
        }
        (card, host)
    }

    /// Directories of this page.
    pub fn directories(
        &self,
    ) -> impl Iterator<Item = (&'static str, &'static str, &'static str, &'static str)> + use<>
    {
        let count = if self.bank() { 11 } else { 5 };
        page::DIRECTORIES.into_iter().take(count)
    }

    /// An active SAM of a type, PIN 123456; its roots are `card_key("root/NAME-vN")`.
    #[must_use]
    pub fn sam(&self, sam_type: u8) -> SamCard {
        let content = |path: &str, size: u16| {
            let first = path.as_bytes()[path.len() - 1];
            (0..size)
                .map(|n| first.wrapping_add(n.to_le_bytes()[0]))
                .collect()
        };
        let files: Vec<(&str, Vec<u8>)> = page::SAM_FILES
            .iter()
            .map(|(path, size, _)| (*path, content(path, *size)))
            .collect();
        let minted = MintedSam {
            sam_type,
            pin: [0x12, 0x34, 0x56],
            private_key: host::sam::PRIVATE,
            files: &files,
        };
        let chip = Chip::test(self.copy, FACTOR);
        let root_of = |i: cardlib_card::profile::KeyInstance<'_>| root(&i.key.name, i.version);
        SamCard::minted(
            self.copy,
            chip,
            &minted,
            root_of,
            Random::from_seed(Some(5)),
        )
        .expect("a SAM of the page's files")
    }

    /// Usage byte of a key on this page: one level more where the prefecture stands between (D4).
    #[must_use]
    pub fn usage(&self, key: &page::KeyRow) -> u8 {
        key.usage + if self.three_levels() { 0x20 } else { 0 }
    }

    /// DELIVERY's factors of a key, card first (R51).
    #[must_use]
    pub fn factors(&self, key: &page::KeyRow) -> Vec<[u8; 8]> {
        let mut factors = vec![FACTOR];
        if self.three_levels() {
            factors.push(*b"41010000");
        }
        if key.is_national() {
            factors.push(*b"41000000");
        }
        factors
    }
}

/// A root key in the SAMs here.
#[must_use]
pub fn root(name: &str, version: u8) -> Block {
    card_key(&format!("root/{name}-v{version}"))
}

/// Makes a directory current.
pub fn enter(card: &mut UserCard, df: &str) {
    let names = page::DIRECTORIES;
    let (_, _, _, name) = names.iter().find(|row| row.0 == df).expect("a directory");
    let select = if name.is_empty() {
        "00A4000C023F00".to_owned()
    } else {
        format!("00A4040C{:02X}{name}", name.len() / 2)
    };
    assert_eq!(status(card, &select), "9000", "SELECT {df}");
}

/// FID of a directory.
#[must_use]
pub fn fid_of(df: &str) -> u16 {
    let names = page::DIRECTORIES;
    word(names.iter().find(|row| row.0 == df).expect("a directory").1)
}

/// Four hexadecimal digits.
#[must_use]
pub fn word(text: &str) -> u16 {
    u16::from_str_radix(text, 16).expect("four digits")
}
