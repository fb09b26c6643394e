//! The SAM as a signer (D16, D17): a digest over data of any length, a signature over a digest.

use cardlib_card::apdu::Command;
use zeroize::Zeroize;

use crate::error::{FlowError, Part, malformed};
use crate::sam::SamClient;

/// P1 of DATA COMPRESS.
const MORE_BLOCKS: u8 = 0x02;
const LAST_BLOCK: u8 = 0x00;

impl SamClient<'_> {
    /// DATA COMPRESS: the SAM's digest of `data`, in pieces that clients send (D16).
    ///
    /// # Errors
    /// [`FlowError`] when the SAM refuses.
    pub fn digest(&mut self, data: &[u8]) -> Result<[u8; 32], FlowError> {
        let size = usize::from(self.profile.assumed.client_chunk.value);
        let mut pieces = data.chunks(size).peekable();
        while let Some(piece) = pieces.next() {
            let last = pieces.peek().is_none();
            let mode = if last { LAST_BLOCK } else { MORE_BLOCKS };
            let mut command = Command::new(0x80, 0xC8, mode, 0x00).with_data(piece);
            let answer = self.send("DATA COMPRESS", &command);
            command.zeroize();
            let answer = answer?;
            if last {
                return answer
                    .try_into()
                    .map_err(|_| malformed(Part::Sam, "digest", "does not have 32 bytes"));
            }
        }
        Err(FlowError::Unknown("digest of nothing".into()))
    }

    /// DIGITAL SIGNATURES: the SAM's signature r ‖ s over a digest taken as *e* (D17).
    ///
    /// # Errors
    /// [`FlowError`] when the SAM refuses.
    pub fn sign(&mut self, digest: &[u8; 32]) -> Result<[u8; 64], FlowError> {
        let command = Command::new(0x80, 0xC4, 0x00, 0x00).with_data(digest);
        let signature = self.send("DIGITAL SIGNATURES", &command)?;
        signature
            .try_into()
            .map_err(|_| malformed(Part::Sam, "signature", "does not have 64 bytes"))
    }
}
