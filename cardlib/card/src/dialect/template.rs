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
        let mut values: BTreeMap<&str, Value> = values.into_iter().collect();
        let mut out = Vec::new();
        for field in &template.data {
            let pieces = match field {
                Field::Bytes(bytes) => vec![Segment::Literal(Zeroizing::new(bytes.clone()))],
                Field::Key => vec![Segment::Key(need_slot(command, slot)?)],
                Field::Check => vec![Segment::CheckValue(need_slot(command, slot)?)],
                Field::Named { name, width } => {
                    let value = values.remove(name.as_str()).ok_or_else(|| {
                        DialectError::Mismatch(format!(
                            "{command} asks for `{name}`, which nothing gives"
                        ))
                    })?;
                    value.into_pieces(command, name, *width)?
                }
            };
            out.extend(pieces);
        }
        if let Some(name) = values.keys().next() {
            return Err(DialectError::Mismatch(format!(
                "{command} has no place for `{name}`"
            )));
        }
        Ok((template.header, merge(out)))
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

    fn into_pieces(
        self,
        command: &str,
        name: &str,
        width: Option<usize>,
    ) -> Result<Vec<Segment>, DialectError> {
        let wrong =
            || DialectError::Mismatch(format!("{command}: `{name}` does not fit its field"));
        match (self, width) {
            (Self::Number(number), Some(width @ 1..=4)) => {
                let bytes = number.to_be_bytes();
                let (high, low) = bytes.split_at(4 - width);
                if high.iter().any(|b| *b != 0) {
                    return Err(wrong());
                }
                Ok(vec![Segment::Literal(Zeroizing::new(low.to_vec()))])
            }
            (Self::Number(_), _) => Err(wrong()),
            (Self::Pieces(pieces), None) => Ok(pieces),
            (Self::Pieces(pieces), Some(width)) => {
                let len: usize = pieces.iter().map(|piece| piece.len(&[])).sum();
                if len == width {
                    Ok(pieces)
                } else {
                    Err(wrong())
                }
            }
        }
    }
}

/// Neighbouring literals become one.
fn merge(pieces: Vec<Segment>) -> Vec<Segment> {
    let mut out: Vec<Segment> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (out.last_mut(), piece) {
            (_, Segment::Literal(bytes)) if bytes.is_empty() => {}
            (Some(Segment::Literal(last)), Segment::Literal(bytes)) => {
                last.extend_from_slice(&bytes)
            }
            (_, piece) => out.push(piece),
        }
    }
    out
}
