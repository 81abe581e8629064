//! What a flag can hold, read as Go's `flag` package reads it.

use std::time::Duration;

use api::urls::Urls;

use super::gates::Gates;

/// What a flag holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Needs no value: the flag alone means true.
    Bool,
    /// As in `1m30s`.
    Duration,
    /// As in `Name=true,Other=false`; each further use adds to it.
    Gates,
    /// 64 bits.
    Int,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Anything.
    Text,
    /// 64 bits.
    Uint,
    /// 32 bits.
    Uint32,
    /// URLs, separated by commas.
    Urls,
}

/// A value of one of the kinds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    /// Go's durations have a sign.
    Duration {
        nanoseconds: i64,
    },
    Gates(Gates),
    Int(i64),
    Text(String),
    Uint(u64),
    Urls(Urls),
}

impl Kind {
    /// Reads a value of this kind; the error is the part of Go's message that says why not.
    pub(crate) fn parse(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Bool => parse_bool(text).map(Value::Bool),
            Self::Duration => {
                parse_duration(text).map(|nanoseconds| Value::Duration { nanoseconds })
            }
            Self::Gates => Gates::parse(text).map(Value::Gates),
            Self::Int => {
                parse_number(text, Sign::Allowed).map(Value::Int).map_err(NotANumber::of_flag)
            }
            Self::OneOf(words) if words.contains(&text) => Ok(Value::Text(text.to_owned())),
            Self::OneOf(_) => Err("invalid value".to_owned()),
            Self::Text => Ok(Value::Text(text.to_owned())),
            Self::Uint => {
                parse_number(text, Sign::Not).map(Value::Uint).map_err(NotANumber::of_flag)
            }
            Self::Uint32 => parse_number::<u32>(text, Sign::Not)
                .map(|number| Value::Uint(number.into()))
                .map_err(|why| why.of_strconv(text)),
            Self::Urls => {
                Urls::parse_list(text).map(Value::Urls).map_err(|error| error.to_string())
            }
        }
    }
}

pub(super) fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err("parse error".to_owned()),
    }
}

/// A whole number, in decimal or with a prefix for another base, as Go reads literals: underscores
/// may stand between digits.
fn parse_number<T: TryFrom<i128>>(text: &str, sign: Sign) -> Result<T, NotANumber> {
    let (is_negative, digits) = match (text.as_bytes(), sign) {
        ([b'-', ..], Sign::Allowed) => (true, &text[1..]),
        ([b'+', ..], Sign::Allowed) => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0o") => (&lower[2..], 8),
        Some("0b") => (&lower[2..], 2),
        _ if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    // Behind a prefix one may stand at once.
    let digits = if radix == 10 { digits } else { digits.strip_prefix('_').unwrap_or(digits) };
    let is_digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_digit(radix));
    if !digits.split('_').all(is_digits) {
        return Err(NotANumber::Syntax);
    }
    let number = i128::from_str_radix(&digits.replace('_', ""), radix);
    let number = number.map_err(|_| NotANumber::Range)?;
    T::try_from(if is_negative { -number } else { number }).map_err(|_| NotANumber::Range)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Allowed,
    /// As for Go's unsigned numbers, not even a plus.
    Not,
}

/// Why something is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotANumber {
    Range,
    Syntax,
}

impl NotANumber {
    /// As Go's `flag` package says it.
    fn of_flag(self) -> String {
        match self {
            Self::Range => "value out of range".to_owned(),
            Self::Syntax => "parse error".to_owned(),
        }
    }

    /// As its `strconv` says it, of what etcd reads by itself.
    fn of_strconv(self, text: &str) -> String {
        let why = match self {
            Self::Range => "value out of range",
            Self::Syntax => "invalid syntax",
        };
        format!("strconv.ParseUint: parsing {text:?}: {why}")
    }
}

/// Numbers with units, added up: `1h30m`, `1.5s`, `-10ms`; and `0`, which needs no unit.
fn parse_duration(text: &str) -> Result<i64, String> {
    let error = || "parse error".to_owned();
    let (is_negative, mut rest) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(error());
    }
    let mut sum = 0.0_f64;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| c != '.' && !c.is_ascii_digit()).ok_or_else(error)?;
        let number: f64 = rest[..number_end].parse().map_err(|_| error())?;
        rest = &rest[number_end..];
        let unit_end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..unit_end] {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3_600e9,
            _ => return Err(error()),
        };
        sum += number * unit;
        rest = &rest[unit_end..];
    }
    if sum > i64::MAX as f64 {
        return Err(error());
    }
    let nanoseconds = sum.round() as i64;
    Ok(if is_negative { -nanoseconds } else { nanoseconds })
}

impl Value {
    /// The duration, or none if it is not positive.
    pub(crate) fn positive_duration(&self) -> Option<Duration> {
        match self {
            Self::Duration { nanoseconds } if *nanoseconds > 0 => {
                Some(Duration::from_nanos(nanoseconds.unsigned_abs()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
