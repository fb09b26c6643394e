//! Audit records that compaction moved out of memory: sealed files `audit-N.sealed`, never changed again.

use super::{Store, StoreError, decode, encode_secret, place, seal, write_durably};
use crate::state::State;
use crate::world::World;
use hsm_wire::info::AuditRecord;
use std::fs;

/// Writes the state's recent records as one archive. Written again after a broken-off compaction, it says the same
/// and more.
pub(super) fn write(store: &Store, state: &State, world: &mut World) -> Result<(), StoreError> {
    let Some(first) = state.audit_recent.first().map(|record| record.number) else {
        return Ok(());
    };
    let plain = encode_secret(&state.audit_recent)?;
    let sealed = seal::seal(
        &store.key,
        world,
        &place(&store.header, b"audit", first),
        &plain,
    )?;
    write_durably(&store.dir, &name(first), &sealed)
}

/// At most `limit` records from number `from` on.
pub(super) fn read(store: &Store, from: u64, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
    let mut firsts: Vec<u64> = Vec::new();
    for entry in fs::read_dir(&store.dir)
        .map_err(StoreError::io(&store.dir))?
        .flatten()
    {
        let name = entry.file_name();
        firsts.extend(name.to_str().and_then(|n| {
            n.strip_prefix("audit-")?
                .strip_suffix(".sealed")?
                .parse::<u64>()
                .ok()
        }));
    }
    firsts.sort_unstable();
    let mut found = Vec::new();
    let start = firsts
        .partition_point(|&first| first <= from)
        .saturating_sub(1);
    for &first in firsts.get(start..).unwrap_or_default() {
        let path = store.dir.join(name(first));
        let sealed = fs::read(&path).map_err(StoreError::io(&path))?;
        let records: Vec<AuditRecord> =
            seal::open(&store.key, &place(&store.header, b"audit", first), &sealed)
                .and_then(|plain| decode(&plain))
                .ok_or_else(|| StoreError::damaged(&path, "an audit archive was changed"))?;
        found.extend(records.into_iter().filter(|record| record.number >= from));
        if found.len() >= limit {
            found.truncate(limit);
            break;
        }
    }
    Ok(found)
}

fn name(first: u64) -> String {
    format!("audit-{first}.sealed")
}
