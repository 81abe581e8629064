//! Numbers and strings of HPACK, as far as an authority needs them (RFC 7541, §5).

use std::borrow::Cow;

/// Where the static table has the name `:authority` (appendix A).
pub(super) const AUTHORITY_INDEX: usize = 1;

/// How far a number may go on, in bits beyond its prefix: nothing in a block of 64 KiB needs more.
const INTEGER_BITS_MAX: u32 = 28;

/// The first bit of a string tells that it is in Huffman's code.
const HUFFMAN: u8 = 0x80;

/// How many codes there are of each length in bits (appendix B). The code is canonical: ordered by
/// length, then by symbol, each code is its predecessor plus one.
pub(super) const CODES: [u32; 31] = [
    0, 0, 0, 0, 0, 10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19,
    29, 0, 4,
];

/// The symbols of up to 15 bits, in the order of their codes. No other may be in an authority.
const SYMBOLS: &[u8] =
    b"012aceiost %-./3456789=A_bdfghlmnpru:BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz&*,;XZ\
    !\"()?'+|#>\0$@[]~^}<`{";

/// Stands for each of the others, which are as wrong as it is.
const OTHER: u8 = 0xff;

/// The symbol that no string contains.
const END_OF_STRING: u32 = 256;

/// A string as it was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<'a> {
    huffman: bool,
    bytes: &'a [u8],
}

impl<'a> Sent<'a> {
    /// What it says, with [`OTHER`] for what is rare; `None` if it is malformed.
    pub(super) fn text(self) -> Option<Cow<'a, [u8]>> {
        if self.huffman { decoded(self.bytes).map(Cow::Owned) } else { Some(self.bytes.into()) }
    }
}

/// Takes a number whose first byte has so many bits of it (§5.1).
pub(super) fn take_integer(rest: &mut &[u8], prefix_bits: u32) -> Option<usize> {
    let prefix = (1 << prefix_bits) - 1;
    let mut value = usize::from(*rest.split_off_first()?) & prefix;
    if value < prefix {
        return Some(value);
    }
    for shift in (0..INTEGER_BITS_MAX).step_by(7) {
        let byte = *rest.split_off_first()?;
        value += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Takes a string (§5.2).
pub(super) fn take_string<'a>(rest: &mut &'a [u8]) -> Option<Sent<'a>> {
    let huffman = rest.first()? & HUFFMAN != 0;
    let length = take_integer(rest, 7)?;
    let bytes = rest.split_off(..length)?;
    Some(Sent { huffman, bytes })
}

/// Writes a string, in plain text.
pub(super) fn put_string(to: &mut Vec<u8>, text: impl ExactSizeIterator<Item = u8>) {
    let length = text.len();
    if let Some(mut more) = length.checked_sub(0x7f) {
        to.push(0x7f);
        while more > 0x7f {
            to.push(more as u8 | 0x80);
            more >>= 7;
        }
        to.push(more as u8);
    } else {
        to.push(length as u8);
    }
    to.extend(text);
}

/// Huffman's code undone, bit by bit: `first` is the first code of the length reached, `before` how
/// many codes are shorter.
fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(bytes.len() * 8 / 5);
    let (mut bits, mut code, mut first, mut before) = (0, 0, 0, 0);
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)) {
        bits += 1;
        code = code << 1 | u32::from(bit);
        first <<= 1;
        let codes = *CODES.get(bits)?;
        if code - first < codes {
            let symbol = before + code - first;
            if symbol == END_OF_STRING {
                return None;
            }
            text.push(SYMBOLS.get(symbol as usize).copied().unwrap_or(OTHER));
            (bits, code, first, before) = (0, 0, 0, 0);
        } else {
            first += codes;
            before += codes;
        }
    }
    // What fills the last byte is a piece of the code of ones.
    (bits < 8 && code + 1 == 1 << bits).then_some(text)
}
