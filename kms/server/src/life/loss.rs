//! The compromise drill: the loss is looked up here, the population comes from registries' exports and this store, and the
//! rules of [`kms_core::compromise`] count.

use std::collections::BTreeSet;

use kms_core::compromise::{self, Loss, Population, Report};
use kms_core::rotation::Phase;
use kms_core::tier::Tier;
use kms_platform::store::Conn;
use serde_json::json;

use super::steps::split;
use crate::records::{rotations, sams};
use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::Service;

/// What was lost, as it is typed.
pub enum Lost {
    /// `RK1_DDF1/1`.
    Key(String),
    /// SAM serial or chip serial.
    Sam(String),
    /// Four digits.
    Prefecture(String),
    /// Two digits.
    Province(String),
    /// Vendor code.
    Maker(String),
}

impl Service {
    /// What a loss touches. Nothing changes but the record that somebody asked.
    ///
    /// # Errors
    /// What was lost is not known, or the store failed.
    pub async fn loss_report(
        &self,
        lost: Lost,
        mut population: Population,
        by: &str,
    ) -> Result<Report> {
        self.may("compromise.report", by).await?;
        let mut tx = self.begin().await?;
        let loss = self.look_up(&mut tx, lost, &population).await?;
        population.blanks = blanks(&mut tx).await?;
        let report = compromise::report(self.profile, &loss, &population);
        let detail = json!({
            "cards national": report.national.cards, "cards provincial": report.provincial.cards,
            "sams national": report.national.sams, "sams provincial": report.provincial.sams,
        });
        let begun = self
            .before(&mut tx, by, "compromise.report", &report.lost, &detail)
            .await?;
        self.after(&mut tx, begun, &kms_platform::audit::Outcome::Done)
            .await?;
        self.commit(tx).await?;
        Ok(report)
    }

    async fn look_up(&self, conn: &mut Conn, lost: Lost, population: &Population) -> Result<Loss> {
        let digits = |text: &str, count: usize| {
            text.len() == count && text.bytes().all(|b| b.is_ascii_digit())
        };
        let wrong = |what: &str| refuse!(&refusal::INVALID, "{what}", "{what}");
        match lost {
            Lost::Key(id) => self.lost_key(&id),
            Lost::Sam(serial) => self.lost_sam(conn, &serial, population).await,
            Lost::Prefecture(area) if digits(&area, 4) => Ok(Loss::Prefecture { area }),
            Lost::Prefecture(_) => Err(wrong("--prefecture: four digits")),
            Lost::Province(area) if digits(&area, 2) => Ok(Loss::Province { area }),
            Lost::Province(_) => Err(wrong("--province: two digits")),
            Lost::Maker(vendor) => Ok(Loss::Maker {
                vendor: vendor.to_ascii_uppercase(),
            }),
        }
    }

    /// The key in the form in which this tier holds it: a root at its owner's, national keys derived for the province below.
    fn lost_key(&self, id: &str) -> Result<Loss> {
        let unknown = || refuse!(&refusal::UNKNOWN, "key {id}", "密钥 {id}");
        let (name, version) = split(id).ok_or_else(unknown)?;
        let key = self.profile.key(name);
        let known =
            key.is_some_and(|key| version < key.groups) || self.profile.service_key(name).is_some();
        if !known {
            return Err(unknown());
        }
        Ok(Loss::Key {
            name: name.to_owned(),
            version,
            province: match &self.tier {
                Tier::Ministry => None,
                _ => self.tier.province().map(str::to_owned),
            },
        })
    }

    /// From this service's records where it made the SAM, else from the population with what its type holds.
    async fn lost_sam(
        &self,
        conn: &mut Conn,
        serial: &str,
        population: &Population,
    ) -> Result<Loss> {
        let given = serial.to_ascii_uppercase();
        let fact = population
            .sams
            .iter()
            .find(|sam| sam.serial == given || sam.chip_serial == given);
        let chip = fact.map_or(given.clone(), |sam| sam.chip_serial.clone());
        let made = sams::all(conn).await?.into_iter().find(|sam| {
            hex::encode_upper(sam.chip) == chip || sam.serial.as_deref() == Some(given.as_str())
        });
        let (sam_type, province) = match (&made, fact) {
            (Some(made), _) => (made.sam_type, made.province.clone()),
            (None, Some(fact)) => (
                fact.sam_type,
                fact.area.get(..2).unwrap_or_default().to_owned(),
            ),
            (None, None) => {
                return Err(refuse!(
                    &refusal::UNKNOWN,
                    "SAM {given}: neither made here nor in the population",
                    "SAM卡 {given}：既非本处制作，也不在所给范围内"
                ));
            }
        };
        let mut held = self.of_type(conn, sam_type).await?;
        if let Some(made) = made.filter(|made| !made.held.is_empty()) {
            // What this tier put on it is known; the other stage's keys are those of its type.
            let owner = self.scope();
            held.retain(|(name, _)| self.profile.key(name).map(|key| key.scope) != owner);
            held.extend(made.held);
        }
        Ok(Loss::Sam {
            serial: fact.map_or(given, |sam| sam.serial.clone()),
            sam_type,
            province,
            held,
        })
    }

    fn scope(&self) -> Option<cardlib_card::profile::Scope> {
        use cardlib_card::profile::Scope;
        match self.tier {
            Tier::Ministry => Some(Scope::National),
            Tier::Province(_) => Some(Scope::Provincial),
            Tier::Prefecture(_) => None,
        }
    }

    /// What a SAM of a type may hold at most: in a TEST store all versions, elsewhere those that SAMs are given.
    async fn of_type(&self, conn: &mut Conn, sam_type: u8) -> Result<BTreeSet<(String, u8)>> {
        let kind = self.profile.sam_type(sam_type);
        let kind = kind.ok_or_else(|| refuse!(&refusal::INVALID, "SAM type", "SAM类型"))?;
        let flow = self.profile.assumed.flow_version.value;
        let current = rotations::all(conn)
            .await?
            .into_iter()
            .map(|standing| standing.rotation)
            .filter(|rotation| rotation.phase != Phase::Planned)
            .map(|rotation| rotation.to)
            .max()
            .unwrap_or(flow);
        let all = self.mark == kms_core::port::Mark::Test;
        let held = self.profile.sam_keys(kind).flat_map(|key| {
            (0..key.groups)
                .filter(move |version| {
                    all || key.groups == 1 || *version == current || *version == current + 1
                })
                .map(|version| (key.name.clone(), version))
        });
        Ok(held.collect())
    }
}

/// Blanks that were delivered and for which no script went out, by maker.
async fn blanks(conn: &mut Conn) -> Result<std::collections::BTreeMap<String, u64>> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT maker, count(*) FROM chip WHERE bound IS NULL GROUP BY maker")
            .fetch_all(conn)
            .await?;
    Ok(rows
        .into_iter()
        .map(|(maker, count)| (maker, u64::try_from(count).unwrap_or(0)))
        .collect())
}
