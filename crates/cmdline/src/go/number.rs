//! Numbers, as `strconv` reads them, and sizes, as etcd's tables show them.

use std::fmt;

use super::quote::quote;

/// The base a number is written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Base {
    /// As its prefix says: `0x`, `0o`, `0`, `0b` or none. Underscores may separate digits.
    AsWritten,
    /// Without a prefix.
    Ten,
    /// Without a prefix, too.
    Sixteen,
}

/// Why a text is no number. Reads as Go's error does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NumberError {
    function: &'static str,
    text: String,
    why: &'static str,
}

const SYNTAX: &str = "invalid syntax";
const RANGE: &str = "value out of range";

/// Each a thousand of the one before.
const SIZE_UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, text, why } = self;
        write!(f, "strconv.{function}: parsing {}: {why}", quote(text.as_bytes()))
    }
}

/// A signed number of 64 bits.
///
/// # Errors
///
/// When it is none, or too large.
pub fn parse_int(text: &str, base: Base) -> Result<i64, NumberError> {
    let error = |why| NumberError { function: "ParseInt", text: text.to_owned(), why };
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = i128::from(parse_digits(digits, base).map_err(error)?);
    let value = if negative { -magnitude } else { magnitude };
    i64::try_from(value).map_err(|_| error(RANGE))
}

/// An unsigned number of 64 bits.
///
/// # Errors
///
/// When it is none, or too large.
pub fn parse_uint(text: &str, base: Base) -> Result<u64, NumberError> {
    let error = |why| NumberError { function: "ParseUint", text: text.to_owned(), why };
    parse_digits(text, base).map_err(error)
}

/// One of the words for true and false.
///
/// # Errors
///
/// When it is another one.
pub fn parse_bool(text: &str) -> Result<bool, NumberError> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(NumberError { function: "ParseBool", text: text.to_owned(), why: SYNTAX }),
    }
}

/// Sixteen hexadecimal digits, which count a minus sign as one.
#[must_use]
pub fn hex16(value: i64) -> String {
    if value < 0 { format!("-{:015x}", value.unsigned_abs()) } else { format!("{value:016x}") }
}

/// At most two significant digits behind which there is one unit of a thousand: `25 kB`, `2.1 GB`.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    if bytes < 10 {
        return format!("{bytes} B");
    }
    let exponent = bytes.ilog10() / 3;
    let scaled = bytes as f64 / 1000_f64.powi(exponent.cast_signed());
    let value = (scaled * 10.0 + 0.5).floor() / 10.0;
    let unit = SIZE_UNITS[exponent as usize];
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

fn parse_digits(text: &str, base: Base) -> Result<u64, &'static str> {
    let (radix, digits, prefixed) = match base {
        Base::Ten => (10, text, false),
        Base::Sixteen => (16, text, false),
        Base::AsWritten => split_prefix(text),
    };
    let mut value: u64 = 0;
    let mut overflowed = false;
    // After a prefix an underscore may come first.
    let mut digit_before = prefixed;
    for (position, character) in digits.char_indices() {
        if character == '_' && base == Base::AsWritten && digit_before {
            let more = digits[position + 1..].chars().next();
            if !more.is_some_and(|next| next.is_digit(radix)) {
                return Err(SYNTAX);
            }
            digit_before = false;
            continue;
        }
        let digit = character.to_digit(radix).ok_or(SYNTAX)?;
        let next = value.checked_mul(radix.into()).and_then(|v| v.checked_add(digit.into()));
        overflowed |= next.is_none();
        value = next.unwrap_or(u64::MAX);
        digit_before = true;
    }
    if digits.is_empty() {
        return Err(SYNTAX);
    }
    if overflowed { Err(RANGE) } else { Ok(value) }
}

fn split_prefix(text: &str) -> (u32, &str, bool) {
    let lower = text.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] {
        if lower.starts_with(prefix) {
            return (radix, &text[2..], true);
        }
    }
    match text.strip_prefix('0') {
        Some(rest) if !rest.is_empty() => (8, rest, true),
        _ => (10, text, false),
    }
}
