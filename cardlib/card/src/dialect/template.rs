//! The dialect file: command bytes as data, rendered with named values.

use std::collections::BTreeMap;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{DialectError, Segment};

const RHC_COS_1: &str = include_str!("../../profiles/rhc-cos-1.toml");

/// A loaded and checked dialect file.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// `rhc-cos-1`.
    pub name: String,
    /// HSM mechanism.
    pub mechanism: String,
    /// Content bytes of one STORE DATA.
    pub store_data_max: usize,
    /// Key version byte of the maker's transport key; master keys have theirs in the profile.
    pub transport_key_version: u8,
    commands: BTreeMap<String, Template>,
}

/// One command.
#[derive(Clone, Debug)]
struct Template {
    header: [u8; 4],
    data: Vec<Field>,
}

#[derive(Clone, Debug)]
enum Field {
    Named { name: String, width: Option<usize> },
    Bytes(Vec<u8>),
    Key,
    Check,
}

/// A value for a named field.
pub enum Value {
    /// A number, written as wide as the field says.
    Number(u32),
    /// Pieces as they are.
    Pieces(Vec<Segment>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    mechanism: String,
    store_data_max: usize,
    transport_key_version: u8,
    command: BTreeMap<String, RawTemplate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTemplate {
    header: String,
    data: Vec<String>,
}

impl Dialect {
    /// The built-in dialect `rhc-cos-1`.
    ///
    /// # Errors
    /// Never with the file this crate was built with; the signature is that of [`Dialect::load`].
    pub fn rhc_cos_1() -> Result<Self, DialectError> {
        Self::load(RHC_COS_1)
    }

    /// Reads a dialect file.
    ///
    /// # Errors
    /// [`DialectError::Template`] says what does not parse.
    pub fn load(text: &str) -> Result<Self, DialectError> {
        let file: File = toml::from_str(text).map_err(|e| DialectError::Template(e.to_string()))?;
        let commands = file
            .command
            .into_iter()
            .map(|(name, raw)| Ok((name, raw.parse()?)))
            .collect::<Result<_, DialectError>>()?;
        Ok(Self {
            name: file.name,
            mechanism: file.mechanism,
            store_data_max: file.store_data_max,
            transport_key_version: file.transport_key_version,
            commands,
        })
    }

    /// Header of a command, for policies and tests.
    ///
    /// # Errors
    /// [`DialectError::Mismatch`] when the file has no such command.
    pub fn header(&self, command: &str) -> Result<[u8; 4], DialectError> {
        Ok(self.template(command)?.header)
    }

    /// Names of all commands with their headers.
    pub fn commands(&self) -> impl Iterator<Item = (&str, [u8; 4])> {
        self.commands
            .iter()
            .map(|(name, t)| (name.as_str(), t.header))
    }

    /// Whether this command carries a key slot.
    ///
    /// # Errors
    /// [`DialectError::Mismatch`] when the file has no such command.
    pub fn carries_key(&self, command: &str) -> Result<bool, DialectError> {
        Ok(self
            .template(command)?
            .data
            .iter()
            .any(|f| matches!(f, Field::Key)))
    }

    /// One command's header and data; `slot` is the slot that `@key` and `@check` stand for.
    ///
    /// # Errors
    /// [`DialectError::Mismatch`] when the template asks for a value that is not given or too wide.
    pub fn render(
        &self,
        command: &str,
        values: Vec<(&str, Value)>,
        slot: Option<usize>,
    ) -> Result<([u8; 4], Vec<Segment>), DialectError> {
        let template = self.template(command)?;
        let mut values = values;
        let mut data = Data(Vec::with_capacity(SEGMENTS));
        for field in &template.data {
            match field {
                Field::Bytes(bytes) => data.bytes(bytes),
                Field::Key => data.piece(Segment::Key(need_slot(command, slot)?)),
                Field::Check => data.piece(Segment::CheckValue(need_slot(command, slot)?)),
                Field::Named { name, width } => {
                    let given = values.iter().position(|(given, _)| given == name);
                    let given = given.ok_or_else(|| {
                        DialectError::Mismatch(format!(
                            "{command} asks for `{name}`, which nothing gives"
                        ))
                    })?;
                    let (_, value) = values.swap_remove(given);
                    data.value(value, *width).ok_or_else(|| {
                        DialectError::Mismatch(format!(
                            "{command}: `{name}` does not fit its field"
                        ))
                    })?;
                }
            }
        }
        if let Some((name, _)) = values.first() {
            return Err(DialectError::Mismatch(format!(
                "{command} has no place for `{name}`"
            )));
        }
        Ok((template.header, data.0))
    }

    fn template(&self, command: &str) -> Result<&Template, DialectError> {
        self.commands.get(command).ok_or_else(|| {
            DialectError::Mismatch(format!("{} has no command `{command}`", self.name))
        })
    }
}

impl RawTemplate {
    fn parse(self) -> Result<Template, DialectError> {
        let header = hex::decode(&self.header)
            .ok()
            .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok())
            .ok_or_else(|| {
                DialectError::Template(format!("header `{}` is not four bytes", self.header))
            })?;
        let data = self
            .data
            .iter()
            .map(|text| parse_field(text))
            .collect::<Result<_, _>>()?;
        Ok(Template { header, data })
    }
}

fn parse_field(text: &str) -> Result<Field, DialectError> {
    let bad = || DialectError::Template(format!("field `{text}` is not understood"));
    Ok(match text {
        "@key" => Field::Key,
        "@check" => Field::Check,
        _ => match (text.strip_prefix('='), text.split_once('/')) {
            (Some(bytes), _) => Field::Bytes(hex::decode(bytes).map_err(|_| bad())?),
            (None, Some((name, width))) => Field::Named {
                name: name.to_owned(),
                width: Some(width.parse().map_err(|_| bad())?),
            },
            (None, None) => Field::Named {
                name: text.to_owned(),
                width: None,
            },
        },
    })
}

fn need_slot(command: &str, slot: Option<usize>) -> Result<usize, DialectError> {
    slot.ok_or_else(|| {
        DialectError::Mismatch(format!("{command} carries a key, but no slot was given"))
    })
}

impl Value {
    /// Bytes as they are.
    #[must_use]
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::Pieces(vec![Segment::Literal(Zeroizing::new(bytes.to_vec()))])
    }
}

/// Segments that a command has at most, usually: bytes, a key, its check value, bytes.
const SEGMENTS: usize = 4;
/// First room of a literal: what most descriptors take.
const LITERAL: usize = 32;

/// A command's data as it grows: neighbouring literals are one.
struct Data(Vec<Segment>);

impl Data {
    fn bytes(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(Segment::Literal(last)) if last.capacity() - last.len() >= bytes.len() => {
                last.extend_from_slice(bytes);
            }
            // A vector that grows by itself would leave its bytes behind.
            Some(Segment::Literal(last)) => *last = joined(last, bytes),
            _ => self.0.push(Segment::Literal(joined(&[], bytes))),
        }
    }

    fn piece(&mut self, piece: Segment) {
        match piece {
            Segment::Literal(bytes) => self.bytes(&bytes),
            piece => self.0.push(piece),
        }
    }

    /// None where it does not fit the field.
    fn value(&mut self, value: Value, width: Option<usize>) -> Option<()> {
        match (value, width) {
            (Value::Number(number), Some(width @ 1..=4)) => {
                let bytes = number.to_be_bytes();
                let (high, low) = bytes.split_at(4 - width);
                high.iter().all(|byte| *byte == 0).then_some(())?;
                self.bytes(low);
            }
            (Value::Number(_), _) => return None,
            (Value::Pieces(pieces), width) => {
                let len: usize = pieces.iter().map(|piece| piece.len(&[])).sum();
                width.is_none_or(|width| width == len).then_some(())?;
                pieces.into_iter().for_each(|piece| self.piece(piece));
            }
        }
        Some(())
    }
}

fn joined(first: &[u8], second: &[u8]) -> Zeroizing<Vec<u8>> {
    let len = first.len() + second.len();
    let mut whole = Zeroizing::new(Vec::with_capacity(len.max(LITERAL)));
    whole.extend_from_slice(first);
    whole.extend_from_slice(second);
    whole
}
