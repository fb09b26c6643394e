//! One exclusive conversation with a card in a reader, told as it goes: what `apdu` and `script` share.

use cardlib_card::apdu::Command;
use cardlib_card::profile::Profile;
use cardlib_reader::pcsc::{PcscCard, Readers, Sharing};
use cardlib_reader::{Card, Channel, ReaderError, exchange};

use crate::decode::{Decoder, Told};
use crate::failure::Failure;
use crate::text::say;

/// A card that is ours until dropped, and reset then.
pub struct Talk {
    card: PcscCard,
    decoder: Decoder,
}

impl Talk {
    /// Takes the card; what its answer to reset says.
    pub fn open(
        reader: &str,
        profile: &'static Profile,
        sam: bool,
    ) -> Result<(Self, String), Failure> {
        let mut card = Readers::open()?.connect(reader, Sharing::Exclusive)?;
        card.begin()?;
        let mut decoder = Decoder::new(profile, sam);
        let told = decoder.reset(card.atr());
        Ok((Self { card, decoder }, told))
    }

    /// Name of the reader.
    pub fn reader(&self) -> &str {
        self.card.reader()
    }

    /// Answer to the last reset.
    pub fn atr(&self) -> &[u8] {
        self.card.atr()
    }

    /// Resets the card; what its answer says.
    pub fn reset(&mut self) -> Result<String, ReaderError> {
        self.card.end()?;
        self.card.begin()?;
        Ok(self.decoder.reset(self.card.atr()))
    }

    /// Sends one command; its whole answer. `raw`: as it is, without GET RESPONSE and right lengths.
    pub fn send(&mut self, command: &[u8], raw: bool) -> Result<(Vec<u8>, Told), ReaderError> {
        let answer = match Command::parse(command) {
            Ok(command) if !raw => {
                let answer = exchange(&mut Wire(&mut self.card), &command)?;
                [&answer.data[..], &answer.status.0.to_be_bytes()].concat()
            }
            _ => self.card.transmit(command)?,
        };
        let told = self.decoder.tell(command, Some(&answer));
        Ok((answer, told))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // A card that is gone needs no reset.
        let _ = self.card.end();
    }
}

struct Wire<'a>(&'a mut PcscCard);

impl Channel for Wire<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        self.0.transmit(command)
    }
}

/// Most bytes of a command that a person may type.
const MAX_COMMAND: usize = 65_544;

/// Bytes in hexadecimal, with or without spaces between them.
pub fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    match hex::decode(&digits) {
        Ok(bytes) if (1..=MAX_COMMAND).contains(&bytes.len()) => Ok(bytes),
        _ => Err(say(
            "a command is bytes of two hexadecimal digits each, such as 00 84 00 00 08",
            "命令由十六进制字节组成，每字节两位，例如 00 84 00 00 08",
        )
        .to_owned()),
    }
}
