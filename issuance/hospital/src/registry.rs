//! What the registry says of the card: nothing of the person, only whether number and serial stand together and good.

use issuance_registry_api::CardState;
use issuance_registry_api::RegistryClient;
use issuance_registry_api::problems::{CARD_UNKNOWN, CHIP_DIFFERS};
use kms_platform::client::ClientError;
use kms_platform::mark::Mark;

use crate::trouble::Trouble;

/// The registry's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Known {
        state: CardState,
        since: String,
        mark: Mark,
    },
    /// No such pair of number and serial.
    Unknown,
    /// There is such a pair, but it was issued on another chip than the one that proved its key here.
    OtherChip,
}

/// Somebody who knows the standing of cards.
pub trait Registry {
    /// `chip` is the factor with which the card proved its key: number and serial can be copied from another card.
    ///
    /// # Errors
    /// [`Trouble`] when no answer could be had.
    fn standing(&self, number: &str, serial: &str, chip: &[u8; 8]) -> Result<Standing, Trouble>;
}

impl Registry for RegistryClient {
    fn standing(&self, number: &str, serial: &str, chip: &[u8; 8]) -> Result<Standing, Trouble> {
        let number = number.parse().map_err(|_| Trouble::Form("number"))?;
        let serial = serial.parse().map_err(|_| Trouble::Form("serial"))?;
        let chip = hex::encode_upper(chip)
            .parse()
            .map_err(|_| Trouble::Form("factor"))?;
        match self.verify(&number, &serial, Some(&chip)) {
            Ok(answer) => Ok(Standing::Known {
                state: answer.state,
                since: answer.since,
                mark: answer.mark,
            }),
            Err(ClientError::Problem(problem)) if problem.is(&CARD_UNKNOWN) => {
                Ok(Standing::Unknown)
            }
            Err(ClientError::Problem(problem)) if problem.is(&CHIP_DIFFERS) => {
                Ok(Standing::OtherChip)
            }
            Err(error) => Err(Trouble::Registry(error)),
        }
    }
}
