//! Rule 5: what was planned is audited and durable before anything is answered; and the audit read back.

use super::{AUDIT_PAGE, Engine};
use crate::control::{Control, enforced};
use crate::state::Event;
use crate::store::StoreError;
use hsm_wire::info::AuditHead;
use hsm_wire::operator::{OperatorAnswer, OperatorResult};
use hsm_wire::{ErrorCode, HsmError};

/// What the audit will say of one operation.
pub(super) struct Entry {
    pub(super) operation: &'static str,
    pub(super) object: String,
    pub(super) outcome: &'static str,
}

pub(super) fn outcome<A>(planned: &Result<A, HsmError>) -> &'static str {
    match planned {
        Ok(_) => "done",
        Err(error) => error.code.name(),
    }
}

impl Engine {
    /// Audits and makes durable what was planned, then answers; a refusal is audited too.
    pub(super) fn finish<A>(
        &mut self,
        planned: Result<(Vec<Event>, A), HsmError>,
        actor: &str,
        operation: &'static str,
        object: &str,
    ) -> Result<A, HsmError> {
        let outcome = outcome(&planned);
        let (events, result) = match planned {
            Ok((events, answer)) => (events, Ok(answer)),
            Err(error) => (Vec::new(), Err(error)),
        };
        self.commit(events, actor, operation, object, outcome)?;
        result
    }

    pub(super) fn commit(
        &mut self,
        events: Vec<Event>,
        actor: &str,
        operation: &'static str,
        object: &str,
        outcome: &'static str,
    ) -> Result<(), HsmError> {
        let object = object.to_owned();
        let entry = Entry {
            operation,
            object,
            outcome,
        };
        self.commit_all(events, actor, &[entry])
    }

    /// Rule 5: quota, audit and every other change are on the disk when this returns; if they cannot be, the HSM stops.
    pub(super) fn commit_all(
        &mut self,
        mut events: Vec<Event>,
        actor: &str,
        entries: &[Entry],
    ) -> Result<(), HsmError> {
        if self.closed {
            return Err(ErrorCode::AuditClosed.into());
        }
        let (now, mut head) = (self.world.clock.now(), self.state.audit);
        for Entry {
            operation,
            object,
            outcome,
        } in entries
        {
            let record = crate::state::audit_after(&head, now, actor, operation, object, outcome);
            head = AuditHead {
                count: record.number + 1,
                hash: record.hash,
            };
            events.push(Event::Audit(record));
        }
        if let Err(error) = self.store.append(&events, &mut self.world) {
            // The nonce is drawn before the first byte is written: nothing has changed, and nothing is given out.
            if matches!(error, StoreError::Entropy) {
                tracing::error!("no random numbers for the journal: the operation was refused");
                return Err(ErrorCode::EntropyFailed.into());
            }
            tracing::error!(%error, "the store cannot be written; the HSM stops working");
            if enforced(Control::AuditClosed) {
                self.closed = true;
                return Err(ErrorCode::AuditClosed.into());
            }
        }
        for event in events {
            self.state.apply(event);
        }
        let (id, epoch, head) = (self.state.id(), self.state.epoch, self.state.audit);
        if let Err(error) = self.store.mark_epoch(id, epoch, head) {
            tracing::error!(%error, "the epoch file cannot be written; the HSM stops working");
            self.closed = true;
            return Err(ErrorCode::AuditClosed.into());
        }
        if self.store.wants_compaction() {
            self.compact();
        }
        Ok(())
    }

    /// Starts a new snapshot and journal. Not being able to is no harm: the journal goes on.
    pub fn compact(&mut self) {
        if let Err(error) = self.store.compact(&mut self.state, &mut self.world) {
            tracing::warn!(%error, "the store could not be compacted; the journal goes on");
        }
    }

    pub(super) fn audit_page(&mut self, from: u64) -> OperatorResult {
        let recent_from = self
            .state
            .audit_recent
            .first()
            .map_or(self.state.audit.count, |record| record.number);
        let mut page = Vec::new();
        if from < recent_from {
            page = self
                .store
                .archived_audit(from, AUDIT_PAGE)
                .map_err(|error| {
                    tracing::error!(%error, "audit archive");
                    HsmError::about(ErrorCode::Internal, "audit archive")
                })?;
            page.retain(|record| record.number < recent_from);
        }
        let recent = self
            .state
            .audit_recent
            .iter()
            .filter(|record| record.number >= from);
        page.extend(recent.take(AUDIT_PAGE - page.len()).cloned());
        Ok(OperatorAnswer::Audit(page))
    }
}
