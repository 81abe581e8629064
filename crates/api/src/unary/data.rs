//! An answer's bytes, in one piece or several.

use std::io::IoSlice;
use std::vec;

use bytes::{Buf, Bytes};

/// Bytes to be sent. What lies in several pieces is sent as if it lay in one, and each piece is
/// freed when it has left.
///
/// Invariant: the first piece is empty only if nothing is behind it.
#[derive(Debug, Default)]
pub struct Data {
    first: Bytes,
    /// In a box, as most answers have none, and are moved a few times.
    rest: Option<Box<Rest>>,
}

#[derive(Debug)]
struct Rest {
    pieces: vec::IntoIter<Bytes>,
    bytes: usize,
}

impl From<Bytes> for Data {
    fn from(first: Bytes) -> Self {
        Self { first, rest: None }
    }
}

impl From<Vec<Bytes>> for Data {
    fn from(mut pieces: Vec<Bytes>) -> Self {
        pieces.retain(|piece| !piece.is_empty());
        let mut pieces = pieces.into_iter();
        let first = pieces.next().unwrap_or_default();
        let bytes = pieces.as_slice().iter().map(Bytes::len).sum();
        let rest = (bytes > 0).then(|| Box::new(Rest { pieces, bytes }));
        Self { first, rest }
    }
}

impl Buf for Data {
    fn remaining(&self) -> usize {
        self.first.len() + self.rest.as_ref().map_or(0, |rest| rest.bytes)
    }

    fn chunk(&self) -> &[u8] {
        &self.first
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let behind = self.rest.as_ref().map_or(&[][..], |rest| rest.pieces.as_slice());
        let pieces = std::iter::once(&self.first).filter(|first| !first.is_empty()).chain(behind);
        let mut filled = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces) {
            *slice = IoSlice::new(piece);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut bytes: usize) {
        while bytes >= self.first.len()
            && let Some(rest) = &mut self.rest
        {
            bytes -= self.first.len();
            self.first = rest.pieces.next().expect("there is a piece if there are bytes");
            rest.bytes -= self.first.len();
            if rest.bytes == 0 {
                self.rest = None;
            }
        }
        self.first.advance(bytes);
    }
}

#[cfg(test)]
mod tests;
