//! A fingerprint of everything that happened.

/// FNV-1a over what each event was and when: two runs of a seed must agree on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace(u64);

impl Trace {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.add(&number.to_le_bytes());
    }

    pub(crate) fn hash(self) -> u64 {
        self.0
    }
}
