//! Acts of two officers on the life of keys: what the HSM is ordered, and what the store keeps of it.

use kms_core::catalogue::key_id;
use kms_core::lifecycle::{self, KeyState};
use kms_core::port::{Hold, Operation, Target, TicketOrder};
use kms_core::rotation::{Phase, Rotation};
use kms_platform::store::Conn;

use crate::records::life::{self, KeyEvent};
use crate::records::{rotations, sams};
use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::Service;

/// Scripts that one SAM may get in a rotation: add, retire, lock, unlock, and each again after a mishap.
const SCRIPTS_PER_SAM: u32 = 32;
/// SAMs that were found after the plan was made.
const SPARE_SAMS: u64 = 16;
/// How long a rotation may take.
const CAMPAIGN_SECONDS: u64 = 2 * 366 * 24 * 3600;

impl Service {
    /// The HSM's part of a step, of those keys that have not taken it yet.
    pub(crate) async fn prepare_state(
        &self,
        ids: &[String],
        to: KeyState,
    ) -> Result<Vec<Operation>> {
        let mut conn = self.store.pool().acquire().await?;
        let mut operations = Vec::new();
        let held = self.held_ids()?;
        for id in ids {
            let from = life::state(&mut conn, id).await?;
            if from == to {
                continue;
            }
            lifecycle::step(id, from, to)?;
            if to == KeyState::Retired {
                self.has_successor(&mut conn, id).await?;
            }
            match to {
                KeyState::Destroyed if held.contains(id) => {
                    operations.push(Operation::DestroyKey(id.clone()));
                }
                KeyState::Destroyed => {}
                _ => operations.push(Operation::HoldKey {
                    id: id.clone(),
                    hold: to.hold(),
                }),
            }
        }
        Ok(operations)
    }

    /// A key with versions is retired only while another version is in use: cards and SAMs need one.
    async fn has_successor(&self, conn: &mut Conn, id: &str) -> Result<()> {
        let Some((name, version)) = split(id) else {
            return Ok(());
        };
        let groups = self.profile.key(name).map_or(1, |key| key.groups);
        for other in (0..groups).filter(|other| *other != version) {
            if life::state(conn, &key_id(name, other)).await? == KeyState::Active {
                return Ok(());
            }
        }
        if groups == 1 {
            return Ok(());
        }
        Err(refuse!(
            &refusal::KEY_STATE,
            "{id} is the only version in use; open a rotation to another one first",
            "{id} 是唯一启用的版本，请先轮换到其他版本"
        ))
    }

    /// Keeps a step, and with it whatever the HSM had done before and could not be noted.
    pub(crate) async fn apply_state(
        &self,
        conn: &mut Conn,
        ids: &[String],
        to: KeyState,
        (approvers, reason): (&str, &str),
    ) -> Result<()> {
        for id in ids {
            let from = life::state(conn, id).await?;
            if from == to {
                continue;
            }
            lifecycle::step(id, from, to)?;
            let event = KeyEvent {
                key: id.clone(),
                from: from.as_str().to_owned(),
                to: to.as_str().to_owned(),
                at: self.now(),
                approvers: approvers.to_owned(),
                reason: reason.to_owned(),
            };
            life::step(conn, &event).await?;
        }
        Ok(())
    }

    /// A rotation begins: a count of SAMs in the HSM, good for sessions under SMK_P only, and the new version in use.
    pub(crate) async fn prepare_opening(&self, id: &str) -> Result<(Vec<Operation>, String)> {
        let mut conn = self.store.pool().acquire().await?;
        let rotation = rotations::get(&mut conn, id).await?.rotation;
        if rotation.phase != Phase::Planned {
            return Ok((Vec::new(), rotation.requester));
        }
        let made = sams::all(&mut conn).await?;
        let concerned = made
            .iter()
            .filter(|sam| rotation.concerns(self.profile, sam.sam_type));
        let now = u64::try_from(self.store.clock().now().as_second()).unwrap_or(0);
        let ticket = TicketOrder {
            id: rotation.id.clone(),
            target: Target::Sam,
            count: u64::try_from(concerned.count()).unwrap_or(0) + SPARE_SAMS,
            scripts_per_chip: SCRIPTS_PER_SAM,
            not_after: now + CAMPAIGN_SECONDS,
            base_keys: vec![key_id(kms_core::catalogue::SMK_P, 0)],
        };
        let mut operations = vec![Operation::CreateTicket(ticket)];
        for id in rotation.ids(rotation.to) {
            let from = life::state(&mut conn, &id).await?;
            if from != KeyState::Active {
                lifecycle::step(&id, from, KeyState::Active)?;
            }
            operations.push(Operation::HoldKey {
                id,
                hold: Hold::Free,
            });
        }
        Ok((operations, rotation.requester))
    }

    pub(crate) async fn apply_opening(
        &self,
        conn: &mut Conn,
        id: &str,
        approvers: &str,
    ) -> Result<()> {
        let rotation = rotations::get(conn, id).await?.rotation;
        if rotation.phase != Phase::Planned {
            return Ok(());
        }
        let ids: Vec<_> = rotation.ids(rotation.to).collect();
        let said = (approvers, rotation.id.as_str());
        self.apply_state(conn, &ids, KeyState::Active, said).await?;
        let next = Rotation {
            phase: Phase::Open,
            ..rotation
        };
        rotations::put(conn, &next, &self.now()).await
    }

    /// The old version goes: terminals have switched, and who is late was looked at.
    pub(crate) async fn prepare_retirement(
        &self,
        id: &str,
        leave_stragglers: bool,
    ) -> Result<(Vec<Operation>, String)> {
        let mut conn = self.store.pool().acquire().await?;
        let rotation = rotations::get(&mut conn, id).await?.rotation;
        if rotation.phase == Phase::Retired {
            return Ok((Vec::new(), rotation.requester));
        }
        rotation.must_be(
            &[Phase::Switched],
            "terminals have to use the new version first: rhc-kms rotation switch",
        )?;
        let late = self.standing_of(&mut conn, id).await?.stragglers();
        if late > 0 && !leave_stragglers {
            return Err(refuse!(
                &refusal::ROTATION,
                "{late} SAMs still open cards with version {}: re-key or recall them, or say --leave-stragglers",
                "仍有 {late} 张SAM卡可用版本 {} 打开卡片：请换密钥或召回，或注明 --leave-stragglers",
                rotation.from
            ));
        }
        drop(conn);
        let ids: Vec<_> = rotation.ids(rotation.from).collect();
        let operations = self.prepare_state(&ids, KeyState::Retired).await?;
        Ok((operations, rotation.requester))
    }

    pub(crate) async fn apply_retirement(
        &self,
        conn: &mut Conn,
        id: &str,
        approvers: &str,
    ) -> Result<()> {
        let rotation = rotations::get(conn, id).await?.rotation;
        if rotation.phase == Phase::Retired {
            return Ok(());
        }
        let ids: Vec<_> = rotation.ids(rotation.from).collect();
        let said = (approvers, rotation.id.as_str());
        self.apply_state(conn, &ids, KeyState::Retired, said)
            .await?;
        let next = Rotation {
            phase: Phase::Retired,
            ..rotation
        };
        rotations::put(conn, &next, &self.now()).await
    }
}

/// Name and version of a key's id.
pub(crate) fn split(id: &str) -> Option<(&str, u8)> {
    let (name, version) = id.rsplit_once('/')?;
    Some((name, version.parse().ok()?))
}
