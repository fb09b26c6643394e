//! The HSM's call: a group of begun requests goes to it at once.

use cardlib_card::dialect::Plan;
use kms_core::fill::{self, Job, Outline};
use kms_core::port::{FillRequest, Target};

use super::super::script;
use super::{Begun, Chosen, Filled};
use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::Service;

impl Service {
    /// A group in one call of the HSM, off the async threads, and the answers as scripts.
    pub(super) fn fill_group(&self, group: Vec<Chosen>) -> Vec<Filled> {
        let mut filled = Vec::with_capacity(group.len());
        let (mut begun, mut requests, mut outlines) = (Vec::new(), Vec::new(), Vec::new());
        for (one, plan) in group {
            match self.card_request(&one, plan) {
                Ok((request, outline)) => {
                    begun.push(one);
                    requests.push(request);
                    outlines.push(outline);
                }
                Err(refusal) => filled.push(Filled {
                    begun: one,
                    made: Err(refusal),
                }),
            }
        }
        let mut answers = self.hsm.fill_many(&requests).into_iter();
        for (one, outline) in begun.into_iter().zip(outlines) {
            let made = match answers.next() {
                Some(Ok(answer)) => script(one.request_id, &outline, answer),
                Some(Err(error)) => {
                    self.counts.hsm_errors.inc();
                    Err(error.into())
                }
                None => Err(refuse!(
                    &refusal::HSM_DOWN,
                    "the HSM gave fewer answers than were asked",
                    "密码机的应答少于请求"
                )),
            };
            filled.push(Filled { begun: one, made });
        }
        filled
    }

    fn card_request(&self, one: &Begun, plan: Plan) -> Result<(FillRequest, Outline)> {
        let job = Job {
            target: Target::Card,
            request_id: one.request_id,
            ticket: &one.ticket,
            mark: self.mark,
            tier: &self.tier,
            province: self.province_factor()?,
            chip: one.factor,
            vendor: one.vendor,
        };
        Ok(fill::request(self.profile, plan, &job)?)
    }
}
