//! A change's place in history.

use units::Revision;

/// Where one change stands: the main revision that its command made, and how many changes the
/// command had made before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevisionKey {
    /// The revision that clients see.
    pub main: Revision,
    /// The place within it.
    pub sub: u32,
}

/// Bytes of an encoded [`RevisionKey`].
pub(crate) const REVISION_KEY_BYTES: usize = 12;

impl RevisionKey {
    /// The first place in a revision.
    #[must_use]
    pub const fn first(main: Revision) -> Self {
        Self { main, sub: 0 }
    }

    /// Behind every place in a revision but the last that a number can name, which is never used.
    #[must_use]
    pub const fn last(main: Revision) -> Self {
        Self { main, sub: u32::MAX }
    }

    /// Bytes in the order of history.
    #[must_use]
    pub(crate) fn encode(self) -> [u8; REVISION_KEY_BYTES] {
        let mut bytes = [0; REVISION_KEY_BYTES];
        bytes[..8].copy_from_slice(&self.main.0.to_be_bytes());
        bytes[8..].copy_from_slice(&self.sub.to_be_bytes());
        bytes
    }

    /// Bytes in the reverse order of history.
    #[must_use]
    pub(crate) fn encode_descending(self) -> [u8; REVISION_KEY_BYTES] {
        self.encode().map(|byte| !byte)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (main, sub) = bytes.split_first_chunk::<8>()?;
        let main = Revision(i64::from_be_bytes(*main));
        Some(Self { main, sub: u32::from_be_bytes(sub.try_into().ok()?) })
    }

    pub(crate) fn decode_descending(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; REVISION_KEY_BYTES] = bytes.try_into().ok()?;
        Self::decode(&bytes.map(|byte| !byte))
    }

    /// The key that etcd's file has the record under: main, an underscore, sub, and a `t` behind a
    /// tombstone's. What hashes are taken of.
    #[must_use]
    pub(crate) fn etcd_key(self, tombstone: bool) -> ([u8; 18], usize) {
        let mut bytes = [b't'; 18];
        bytes[..8].copy_from_slice(&self.main.0.to_be_bytes());
        bytes[8] = b'_';
        bytes[9..17].copy_from_slice(&u64::from(self.sub).to_be_bytes());
        (bytes, if tombstone { 18 } else { 17 })
    }
}
