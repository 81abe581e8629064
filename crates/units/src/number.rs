//! Numbers and names, each kind a type of its own.

use core::fmt;

/// A raft term: the number of an election, and with it of whoever won it. Starts at 0, before any
/// election.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(pub u64);

/// The place of an entry in the log. The first entry has index 1; 0 stands before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(pub u64);

/// The main revision of the keyspace. A new store is at 1; the first write makes 2. Requests may
/// carry negative ones, so it is signed, as on etcd's wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub i64);

/// A lease's name, chosen by the client or the server; negative ones are legal, 0 means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub i64);

/// A member's name among members. Never 0 for a real member; 0 on the wire means nobody, which here
/// is `Option::<NodeId>::None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// A cluster's name: members of different clusters never talk to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(pub u64);

impl Term {
    /// The term after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Index {
    /// The index after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The index before this one; 0 stays 0.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl Revision {
    /// The revision after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl LeaseId {
    /// No lease: what a key without one carries.
    pub const NONE: Self = Self(0);
}

/// Decimal for what counts, lower-case hexadecimal without leading zeros for what names, as etcd
/// prints them.
macro_rules! display {
    ($($kind:ident => $form:literal),* $(,)?) => {
        $(impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $form, self.0)
            }
        })*
    };
}

display! {
    ClusterId => "{:x}",
    Index => "{}",
    LeaseId => "{:x}",
    NodeId => "{:x}",
    Revision => "{}",
    Term => "{}",
}
