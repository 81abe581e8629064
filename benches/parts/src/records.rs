//! What is written: revisions and heads, as a member's keyspace has them.

use fastrand::Rng;

/// Keys that there are, more than caches hold.
pub const KEYS: u64 = 100_000;
/// Records of a page.
pub const PAGE: usize = 500;
/// Bytes of a value.
const VALUE_BYTES: usize = 256;

/// The name of a key, as Kubernetes has them.
pub fn key(number: u64) -> Vec<u8> {
    format!("/registry/pods/default/{number:08}").into_bytes()
}

/// A source of records, the same at each start.
#[derive(Debug)]
pub struct Records {
    rng: Rng,
    revision: u64,
}

impl Default for Records {
    fn default() -> Self {
        Self { rng: Rng::with_seed(1), revision: 0 }
    }
}

impl Records {
    /// Any of the keys.
    pub fn any_key(&mut self) -> Vec<u8> {
        key(self.rng.u64(..KEYS))
    }

    /// A put: where it stands in the history, the key, and the value, which cannot be compressed.
    pub fn put(&mut self, key: Vec<u8>) -> ([u8; 8], Vec<u8>, Vec<u8>) {
        self.revision += 1;
        let mut value = vec![0; VALUE_BYTES];
        self.rng.fill(&mut value);
        (self.revision.to_be_bytes(), key, value)
    }

    /// So many puts of any keys.
    pub fn puts(&mut self, len: usize) -> Vec<([u8; 8], Vec<u8>, Vec<u8>)> {
        (0..len)
            .map(|_| {
                let key = self.any_key();
                self.put(key)
            })
            .collect()
    }
}
