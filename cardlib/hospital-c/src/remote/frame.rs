//! Requests: a name and its arguments.

use zeroize::Zeroizing;

use crate::areas::Given;
use crate::code::Fault;
use crate::text::Bytes;

pub(super) enum Argument {
    Number(i32),
    Bytes(Bytes),
    Null,
    Wanted,
}

pub(super) struct Arguments(std::vec::IntoIter<Argument>);

pub(super) fn parse(request: &[u8]) -> Option<(String, Arguments)> {
    let (len, rest) = request.split_first()?;
    let (name, mut rest) = rest.split_at_checked(usize::from(*len))?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    let mut arguments = Vec::new();
    while let Some((tag, behind)) = rest.split_first() {
        rest = behind;
        arguments.push(match tag {
            1 => {
                let (number, behind) = rest.split_first_chunk::<4>()?;
                rest = behind;
                Argument::Number(i32::from_le_bytes(*number))
            }
            2 => {
                let (len, behind) = rest.split_first_chunk::<4>()?;
                let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
                let (bytes, behind) = behind.split_at_checked(len)?;
                rest = behind;
                Argument::Bytes(Zeroizing::new(bytes.to_vec()))
            }
            3 => Argument::Null,
            4 => Argument::Wanted,
            _ => return None,
        });
    }
    Some((name, Arguments(arguments.into_iter())))
}

impl Arguments {
    pub(super) fn number(&mut self) -> Result<i32, Fault> {
        match self.0.next() {
            Some(Argument::Number(number)) => Ok(number),
            _ => Err(Fault::parameter("a number is missing", "缺少数字参数")),
        }
    }

    pub(super) fn given(&mut self) -> Given {
        match self.0.next() {
            Some(Argument::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn bytes(&mut self) -> Result<Bytes, Fault> {
        self.given().ok_or_else(null)
    }

    /// The next `count` results have somewhere to go.
    pub(super) fn wanted(&mut self, count: usize) -> Result<(), Fault> {
        let all = (0..count).all(|_| matches!(self.0.next(), Some(Argument::Wanted)));
        all.then_some(()).ok_or_else(null)
    }
}

pub(super) fn null() -> Fault {
    Fault::parameter("a pointer is null", "指针为空")
}

pub(super) fn one(bytes: impl Into<Vec<u8>>) -> Vec<Bytes> {
    vec![Zeroizing::new(bytes.into())]
}
