//! Elements by number.

use super::Answer;
use super::frame::{Arguments, one};
use crate::code::{Code, Fault};
use crate::device::Device;
use crate::items;
use crate::text::Bytes;

/// Item and record number of each; results: code and value of each.
pub(super) fn get(device: &mut Device, arguments: &mut Arguments) -> Answer {
    let numbers = match numbers(arguments, |_| Ok(())) {
        Ok(numbers) => numbers,
        Err(fault) => return Err(fault).into(),
    };
    let wanted: Vec<_> = numbers
        .iter()
        .map(|(item, record, ())| (*item, *record))
        .collect();
    let values = match items::get(device, &wanted) {
        Ok(values) => values,
        Err(fault) => return Err(fault).into(),
    };
    told(values)
}

/// Item, record number and value of each; results: code and nothing of each.
pub(super) fn put(device: &mut Device, arguments: &mut Arguments) -> Answer {
    let given = match numbers(arguments, |arguments| Ok(arguments.given())) {
        Ok(given) => given,
        Err(fault) => return Err(fault).into(),
    };
    match items::put(device, &given) {
        Ok(outcomes) => told(
            outcomes
                .into_iter()
                .map(|it| it.map(|()| Bytes::default()))
                .collect(),
        ),
        Err(fault) => Err(fault).into(),
    }
}

fn numbers<T>(
    arguments: &mut Arguments,
    more: impl Fn(&mut Arguments) -> Result<T, Fault>,
) -> Result<Vec<(u16, u16, T)>, Fault> {
    let count = usize::try_from(arguments.number()?).unwrap_or(0);
    if !(1..=items::MAX_ITEMS).contains(&count) {
        let chinese = "一次可取 1 至 512 项";
        return Err(Fault::parameter(
            "1 to 512 items are taken at a time",
            chinese,
        ));
    }
    let number = |arguments: &mut Arguments| {
        u16::try_from(arguments.number()?).map_err(|_| Fault::parameter("no item", "没有该数据项"))
    };
    let one = |_| Ok((number(arguments)?, number(arguments)?, more(arguments)?));
    (0..count).map(one).collect()
}

fn told(outcomes: Vec<Result<Bytes, Fault>>) -> Answer {
    let mut answer = Answer {
        fault: None,
        results: Vec::with_capacity(2 * outcomes.len()),
    };
    for outcome in outcomes {
        let code = outcome
            .as_ref()
            .map_or_else(|fault| fault.code, |_| Code::Ok);
        answer.results.extend(one((code as i32).to_le_bytes()));
        match outcome {
            Ok(value) => answer.results.push(value),
            Err(fault) => {
                answer.results.push(Bytes::default());
                answer.fault.get_or_insert(fault);
            }
        }
    }
    answer
}
