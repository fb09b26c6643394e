//! Commands of which only a yes is expected wait here for the next one whose answer is needed, and go with it in one series
//! ([`cardlib_reader::Channel::series`]): whoever moves them is woken once for all. The chip gets the same commands in the
//! same order; it gets none after one that it refused, and the refusal is told where the answer was needed.

use cardlib_card::apdu::{Command, Response};
use cardlib_reader::{Channel, ReaderError, exchange_all};

use crate::error::{FlowError, Part};

/// What a yes looks like.
pub(crate) trait Yes {
    /// # Errors
    /// What another answer means.
    fn judge(&self, answer: &Response) -> Result<(), FlowError>;
}

/// The commands that wait, each with what is expected.
pub(crate) struct Ahead<Y> {
    part: Part,
    waiting: Vec<(Command, Y)>,
}

impl<Y: Yes> Ahead<Y> {
    pub(crate) const fn of(part: Part) -> Self {
        let waiting = Vec::new();
        Self { part, waiting }
    }

    pub(crate) fn put(&mut self, command: Command, yes: Y) {
        self.waiting.push((command, yes));
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Sends what waits, then `commands`, none of which depends on another's answer: the answers to those, up to and
    /// including the first that is not `9000`.
    ///
    /// # Errors
    /// [`FlowError::Reader`]; what the first other answer to a command that waited means.
    pub(crate) fn send(
        &mut self,
        channel: &mut dyn Channel,
        commands: &[Command],
    ) -> Result<Vec<Response>, FlowError> {
        let waiting = std::mem::take(&mut self.waiting);
        let part = self.part;
        let failed = |cause| FlowError::Reader { part, cause };
        let all = waiting.iter().map(|(command, _)| command).chain(commands);
        let mut answers = exchange_all(channel, all).map_err(failed)?.into_iter();
        for (_, yes) in &waiting {
            let answer = answers.next().ok_or(failed(ReaderError::CardLost))?;
            yes.judge(&answer)?;
        }
        Ok(answers.collect())
    }

    /// The same with one command.
    ///
    /// # Errors
    /// As [`Ahead::send`].
    pub(crate) fn send_one(
        &mut self,
        channel: &mut dyn Channel,
        command: &Command,
    ) -> Result<Response, FlowError> {
        let answer = self.send(channel, std::slice::from_ref(command))?.pop();
        answer.ok_or(FlowError::Reader {
            part: self.part,
            cause: ReaderError::CardLost,
        })
    }
}
