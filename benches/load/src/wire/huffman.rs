//! The code in which headers may be compressed (RFC 7541, Appendix B).
//!
//! It is canonical: codes of one length follow each other in the order of their bytes, and a longer
//! code continues after the last shorter one. So the lengths say everything.

use std::sync::LazyLock;

/// How many bits the code of each byte has.
#[rustfmt::skip]
const BITS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

const BITS_MAX: usize = 30;

/// The codes of one length.
#[derive(Clone, Debug, Default)]
struct Rank {
    first: u32,
    /// The byte of each code from the first on.
    bytes: Vec<u8>,
}

static RANKS: LazyLock<Vec<Rank>> = LazyLock::new(|| {
    let mut ranks = vec![Rank::default(); BITS_MAX + 1];
    let mut next = 0_u32;
    for (bits, rank) in ranks.iter_mut().enumerate() {
        next <<= 1;
        rank.first = next;
        rank.bytes =
            (0..=255).filter(|&byte| usize::from(BITS[usize::from(byte)]) == bits).collect();
        next += rank.bytes.len() as u32;
    }
    ranks
});

/// Decompresses; `None` if this is no such text. Bit by bit: a header is spelled out once, and
/// named by a number from then on.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len() * 2);
    let (mut code, mut bits) = (0_u32, 0_usize);
    for bit in text.iter().flat_map(|byte| (0..8).rev().map(move |shift| byte >> shift & 1)) {
        (code, bits) = (code << 1 | u32::from(bit), bits + 1);
        let rank = RANKS.get(bits)?;
        let position = code.checked_sub(rank.first).map(|position| position as usize);
        if let Some(&byte) = position.and_then(|position| rank.bytes.get(position)) {
            decoded.push(byte);
            (code, bits) = (0, 0);
        }
    }
    // What is left over is the beginning of a code that has only ones.
    (bits < 8 && code == (1 << bits) - 1).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn examples_of_the_rfc() {
        // RFC 7541, C.4.1 and C.6.1.
        let coded = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(decode(&coded).as_deref(), Some(&b"www.example.com"[..]));
        assert_eq!(decode(&[0x64, 0x02]).as_deref(), Some(&b"302"[..]));
        assert_eq!(decode(&[]).as_deref(), Some(&b""[..]));
    }

    #[test]
    fn wrong_padding_is_refused() {
        assert_eq!(decode(&[0x00]), None);
        assert_eq!(decode(&[0xff, 0xff, 0xff, 0xff]), None);
    }
}
