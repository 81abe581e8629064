//! The language of transactions.
//!
//! ```text
//! comparison   target("key") relation "value"
//! target       ver version | c create | m mod | val value | lease
//! relation     = != < >
//! operation    get, put or del, as on a command line
//! ```

use client::{Compare, Operation, Relation};

use crate::commands::kv;
use crate::failure::Failure;
use crate::flags::{Flag, FlagError, Parsed};
use crate::go::{Base, parse_int, unquote};

/// Reads a comparison.
pub(super) fn compare(line: &[u8]) -> Result<Compare, Failure> {
    let shown = String::from_utf8_lossy(line);
    let malformed = |more: String| Failure::input(format!("malformed comparison: {shown}{more}"));
    let Some(bracket) = line.iter().position(|byte| *byte == b'(') else {
        return Err(malformed(String::new()));
    };
    let target = String::from_utf8_lossy(&line[..bracket]);
    let parts = Parts::scan(&line[bracket + 1..]);
    let (Some(key), Some(relation), Some(value)) = (&parts.key, &parts.relation, &parts.value)
    else {
        return Err(malformed(format!("; got {target}{parts}")));
    };
    let invalid = || Failure::input(format!("invalid txn compare request: {shown}"));
    let relation = match &relation[..] {
        b"=" => Relation::Equal,
        b"!=" => Relation::NotEqual,
        b"<" => Relation::Less,
        b">" => Relation::Greater,
        _ => return Err(invalid()),
    };
    let number = |base| {
        let text = String::from_utf8_lossy(value);
        parse_int(&text, base).map_err(|_| invalid())
    };
    let key = key.clone();
    Ok(match &*target {
        "ver" | "version" => Compare::version(key, relation, number(Base::Ten)?),
        "c" | "create" => Compare::create_revision(key, relation, number(Base::Ten)?),
        "m" | "mod" => Compare::mod_revision(key, relation, number(Base::Ten)?),
        "val" | "value" => Compare::value(key, relation, value.clone()),
        "lease" => Compare::lease(key, relation, number(Base::Sixteen)?),
        _ => return Err(malformed(format!(" (unknown target {target})"))),
    })
}

/// What stands behind a comparison's target, as far as it is there.
#[derive(Default)]
struct Parts {
    key: Option<Vec<u8>>,
    relation: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
}

impl Parts {
    /// Reads `"key") relation "value"`. Spaces must stand around the relation; what stands behind
    /// the value is not looked at.
    fn scan(text: &[u8]) -> Self {
        let mut parts = Self::default();
        let Some((key, rest)) = unquote(text.trim_ascii_start()) else { return parts };
        parts.key = Some(key);
        let Some(rest) = rest.strip_prefix(b")") else { return parts };
        let words = rest.trim_ascii_start();
        if words.len() == rest.len() || words.is_empty() {
            return parts;
        }
        let end = words.iter().position(u8::is_ascii_whitespace).unwrap_or(words.len());
        parts.relation = Some(words[..end].to_vec());
        parts.value = unquote(words[end..].trim_ascii_start()).map(|(value, _)| value);
        parts
    }
}

impl std::fmt::Display for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |part: &Option<Vec<u8>>| {
            String::from_utf8_lossy(part.as_deref().unwrap_or_default()).into_owned()
        };
        let quoted = |part: &Option<Vec<u8>>| crate::go::quote(part.as_deref().unwrap_or_default());
        let Self { key, relation, value } = self;
        write!(f, "({}) {} {}", quoted(key), text(relation), quoted(value))
    }
}

/// Reads an operation.
pub(super) fn operation(line: &[u8]) -> Result<Operation, Failure> {
    let shown = String::from_utf8_lossy(line);
    let words = words(line)?;
    let [name, rest @ ..] = &words[..] else {
        return Err(Failure::input(format!("invalid txn compare request: {shown}")));
    };
    if rest.is_empty() {
        return Err(Failure::input(format!("invalid txn compare request: {shown}")));
    }
    let parse = |flags: &'static [Flag]| {
        Parsed::new(flags).read(rest).map_err(|error| {
            let why = match error {
                FlagError::Help => "there is no help here".to_owned(),
                FlagError::Wrong(why) => why,
            };
            Failure::input(format!("invalid txn request: {shown} ({why})"))
        })
    };
    match &name[..] {
        b"get" => Ok(kv::get_of(&parse(&kv::GET_FLAGS)?)?.into()),
        // Standard input holds the transaction, and no values.
        b"put" => Ok(kv::put_of(&parse(&kv::PUT_FLAGS)?, &[])?.into()),
        b"del" => Ok(kv::delete_of(&parse(&kv::DEL_FLAGS)?)?.into()),
        _ => Err(Failure::input(format!("invalid txn request: {shown}"))),
    }
}

/// The words of a line. One in double quotes has escapes, one in single quotes has none; a quote
/// that is not closed is nothing.
pub(crate) fn words(line: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while let Some(first) = rest.first() {
        let end = match first {
            b'"' => closing(rest, b'"', true),
            b'\'' => closing(rest, b'\'', false),
            _ => Some(rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len())),
        };
        let Some(end) = end else {
            rest = rest[1..].trim_ascii_start();
            continue;
        };
        let word = &rest[..end];
        words.push(match first {
            b'"' => unquote(word).ok_or_else(|| Failure::input("invalid syntax"))?.0,
            b'\'' => word[1..end - 1].to_vec(),
            _ => word.to_vec(),
        });
        rest = rest[end..].trim_ascii_start();
    }
    Ok(words)
}

/// The position behind the quote that closes the one at the beginning.
fn closing(text: &[u8], quote: u8, escapes: bool) -> Option<usize> {
    let mut position = 1;
    while let Some(byte) = text.get(position) {
        match byte {
            byte if *byte == quote => return Some(position + 1),
            b'\\' if escapes => position += 2,
            _ => position += 1,
        }
    }
    None
}
