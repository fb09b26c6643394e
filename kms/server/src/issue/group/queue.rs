//! Who may be under way together: no two requests for one chip, or with one id.

use std::collections::{HashSet, VecDeque};

use kms_core::tier::Factor;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Asked, Chosen, Filled};

/// Chips and ids that are under way.
#[derive(Default)]
pub(super) struct UnderWay {
    chips: HashSet<Factor>,
    ids: HashSet<Uuid>,
}

impl UnderWay {
    /// The next group out of those that wait, at most so many, without any whose chip or id is under way.
    pub(super) fn choose(&mut self, waiting: &mut VecDeque<Asked>, most: usize) -> Vec<Asked> {
        let mut group = Vec::new();
        for _ in 0..waiting.len() {
            let Some(one) = waiting.pop_front() else {
                break;
            };
            let free = !self.chips.contains(&one.factor) && !self.ids.contains(&one.request_id);
            if free && group.len() < most {
                self.chips.insert(one.factor);
                self.ids.insert(one.request_id);
                group.push(one);
            } else {
                waiting.push_back(one);
            }
        }
        group
    }

    pub(super) fn leave(&mut self, chip: &Factor, id: Uuid) {
        self.chips.remove(chip);
        self.ids.remove(&id);
    }

    /// Whoever panicked in the HSM's call is forgotten when nothing is under way.
    pub(super) fn only(&mut self, begun: &[Chosen], filling: &JoinSet<Vec<Filled>>) {
        if filling.is_empty() {
            self.chips = begun.iter().map(|(one, _)| one.factor).collect();
            self.ids = begun.iter().map(|(one, _)| one.request_id).collect();
        }
    }
}
