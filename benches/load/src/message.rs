//! Messages looked at without being decoded, and requests encoded before they are needed.

use std::ops::Range;

use fastrand::Rng;
use prost::Message;

use crate::wire::framed;

/// A field's value. Numbers of a fixed size do not occur in what is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of an encoded message, each with its number; until something is malformed.
pub(crate) fn fields(message: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    let mut rest = message;
    std::iter::from_fn(move || {
        let key = varint(&mut rest)?;
        let value = varint(&mut rest)?;
        match key & 7 {
            0 => Some((key >> 3, Field::Number(value))),
            2 => {
                let (bytes, tail) = rest.split_at_checked(usize::try_from(value).ok()?)?;
                rest = tail;
                Some((key >> 3, Field::Bytes(bytes)))
            }
            _ => None,
        }
    })
}

/// The first field of this number, if it is bytes.
pub(crate) fn bytes_of(message: &[u8], number: u64) -> Option<&[u8]> {
    fields(message).find_map(|(found, field)| match field {
        Field::Bytes(bytes) if found == number => Some(bytes),
        _ => None,
    })
}

/// The first field of this number, or what protobuf leaves out.
pub(crate) fn number_of(message: &[u8], number: u64) -> u64 {
    let found = fields(message).find_map(|(found, field)| match field {
        Field::Number(value) if found == number => Some(value),
        _ => None,
    });
    found.unwrap_or(0)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// How a key's number is written. All keys have the same length, so that their order is that of the
/// numbers.
const DIGITS: usize = 10;

/// The n-th key under a prefix.
pub(crate) fn key(prefix: &str, n: usize) -> Vec<u8> {
    format!("{prefix}{n:0DIGITS$}").into_bytes()
}

/// The number of a key, if it is one of [`key`]'s.
pub(crate) fn number_in(key: &[u8]) -> Option<usize> {
    let (_, digits) = key.split_last_chunk::<DIGITS>()?;
    digits.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + usize::from(digit - b'0'))
    })
}

/// A byte that occurs in values only, and in them for as long as they are not filled in.
const BLANK: u8 = 0xfe;

/// A value to be filled in.
pub(crate) fn blank(len: usize) -> Vec<u8> {
    vec![BLANK; len]
}

/// Bytes that no engine can compress, though they are text: values cut out of so many that two of
/// them hardly ever overlap.
#[derive(Debug)]
pub(crate) struct Noise {
    bytes: Vec<u8>,
    rng: Rng,
}

impl Noise {
    const LEN: usize = 1 << 20;

    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let bytes = std::iter::repeat_with(|| rng.alphanumeric() as u8).take(Self::LEN).collect();
        Self { bytes, rng }
    }

    fn fill(&mut self, value: &mut [u8]) {
        let at = self.rng.usize(..Self::LEN - value.len());
        value.copy_from_slice(&self.bytes[at..at + value.len()]);
    }
}

/// A request that is encoded but for its keys' numbers and its values.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) path: &'static str,
    bytes: Vec<u8>,
    /// Where the keys' numbers are.
    digits: Vec<Range<usize>>,
    values: Vec<Range<usize>>,
}

impl Template {
    /// Of a message with [`key`]s numbered 0 and [`blank`] values. Its keys are those that have
    /// this prefix.
    pub(crate) fn new(path: &'static str, message: &impl Message, prefix: &str) -> Self {
        let bytes = framed(message);
        let zero = key(prefix, 0);
        let ends = |(at, window): (usize, &[u8])| (window == zero).then_some(at + zero.len());
        let digits = bytes.windows(zero.len()).enumerate().filter_map(ends);
        let digits: Vec<_> = digits.map(|end| end - DIGITS..end).collect();
        let mut values: Vec<Range<usize>> = Vec::new();
        for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == BLANK) {
            match values.last_mut() {
                Some(last) if last.end == at => last.end += 1,
                _ => values.push(at..at + 1),
            }
        }
        // A length of two bytes may begin with that byte.
        values.retain(|value| value.len() > 1);
        Self { path, bytes, digits, values }
    }

    /// The request for these keys, one number for each key it has, with new values.
    pub(crate) fn fill(
        &mut self,
        numbers: impl IntoIterator<Item = usize>,
        noise: &mut Noise,
    ) -> &[u8] {
        for (digits, number) in self.digits.iter().zip(numbers) {
            let mut left = number;
            for digit in self.bytes[digits.clone()].iter_mut().rev() {
                *digit = b'0' + (left % 10) as u8;
                left /= 10;
            }
        }
        for value in &self.values {
            noise.fill(&mut self.bytes[value.clone()]);
        }
        &self.bytes
    }
}

#[cfg(test)]
mod tests;
