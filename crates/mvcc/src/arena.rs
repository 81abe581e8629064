//! Small records, many to an allocation.

use bytes::{Bytes, BytesMut};

/// A page holds some records of the usual size, and is not much beside one that lives longer.
const PAGE_BYTES: usize = 16 << 10;

/// From here on a record gets an allocation of its own, so that a page is never mostly waste.
pub(crate) const OWN_BYTES: usize = PAGE_BYTES / 4;

/// Keeps copies of what a scan lends, so that an answer of 500 records costs a few allocations and
/// not 500. A page is freed when the last record in it is.
#[derive(Debug, Default)]
pub struct Arena {
    page: BytesMut,
}

impl Arena {
    /// An arena without pages.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy that lives as long as it must.
    #[must_use]
    pub fn keep(&mut self, bytes: &[u8]) -> Bytes {
        if bytes.len() >= OWN_BYTES {
            return Bytes::copy_from_slice(bytes);
        }
        if self.page.capacity() < bytes.len() {
            self.page = BytesMut::with_capacity(PAGE_BYTES);
        }
        self.page.extend_from_slice(bytes);
        self.page.split().freeze()
    }
}
