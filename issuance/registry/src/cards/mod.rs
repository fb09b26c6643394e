//! What happens to cards, each deed in its own file.

mod event;
mod history;
mod query;
mod register;
mod reserve;
mod row;

pub(crate) use event::SetState;
pub(crate) use query::{Key, find, verification};
pub(crate) use register::Register;
pub(crate) use reserve::Reserve;
