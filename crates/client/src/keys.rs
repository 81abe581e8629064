//! Which keys a request is about.

use bytes::Bytes;

/// What stands for an open end, and for a beginning before all keys: etcd's keys are not empty.
const OPEN: &[u8] = b"\0";

/// A key, or an interval of keys. Keys are ordered as bytes are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Keys {
    pub(crate) key: Bytes,
    pub(crate) range_end: Bytes,
}

impl Keys {
    /// This key.
    pub fn one(key: impl Into<Bytes>) -> Self {
        Self { key: key.into(), range_end: Bytes::new() }
    }

    /// All keys from `key` on, up to and without `end`.
    pub fn range(key: impl Into<Bytes>, end: impl Into<Bytes>) -> Self {
        Self { key: key.into(), range_end: end.into() }
    }

    /// All keys that begin like this; all keys if it is empty.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let prefix = prefix.into();
        let range_end = prefix_end(&prefix);
        Self { key: or_first(prefix), range_end }
    }

    /// All keys from this one on; all keys if it is empty.
    pub fn from_key(key: impl Into<Bytes>) -> Self {
        Self { key: or_first(key.into()), range_end: Bytes::from_static(OPEN) }
    }

    /// All keys.
    pub fn all() -> Self {
        Self::from_key("")
    }
}

fn or_first(key: Bytes) -> Bytes {
    if key.is_empty() { Bytes::from_static(OPEN) } else { key }
}

impl From<&str> for Keys {
    fn from(key: &str) -> Self {
        Self::one(key.to_owned())
    }
}

impl From<String> for Keys {
    fn from(key: String) -> Self {
        Self::one(key)
    }
}

impl From<Vec<u8>> for Keys {
    fn from(key: Vec<u8>) -> Self {
        Self::one(key)
    }
}

impl From<Bytes> for Keys {
    fn from(key: Bytes) -> Self {
        Self::one(key)
    }
}

/// The `range_end` of all keys with this prefix: the first key behind them, or the open end if
/// there is none.
pub fn prefix_end(prefix: &[u8]) -> Bytes {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end.into();
        }
    }
    Bytes::from_static(OPEN)
}
