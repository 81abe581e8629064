//! What ends a log, and what only ends a read.

use alloc::string::String;
use core::fmt;

use units::Index;

/// The log can no longer be trusted; whoever sees one stops the member. Nothing is tried again:
/// after a failed sync nobody knows what the disk holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What was read is not what was written.
    Corrupt {
        /// The file.
        file: String,
        /// Bytes from its start to the record that does not fit.
        offset: u64,
        /// What does not fit, and what can be done.
        what: String,
    },
    /// The directory belongs to something else.
    Foreign {
        /// The directory.
        directory: String,
        /// Why it is not ours.
        what: String,
    },
    /// The operating system refused.
    Io {
        /// What was being done, with the path.
        doing: String,
        /// What it answered.
        error: String,
    },
    /// Somebody else has the directory open.
    Locked {
        /// The directory or file.
        path: String,
    },
}

/// A read that cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The disk failed or lied: the member stops.
    Fault(Fault),
    /// There is no such entry (any more, after a truncation).
    Missing {
        /// The last entry there is.
        last: Index,
    },
    /// The entry is gone from the head.
    Trimmed {
        /// The first that can be read.
        first: Index,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { file, offset, what } => {
                write!(f, "{file} is damaged at offset {offset}: {what}")
            }
            Self::Foreign { directory, what } => {
                write!(f, "{directory} does not hold a log of this kind: {what}")
            }
            Self::Io { doing, error } => write!(f, "{doing}: {error}"),
            Self::Locked { path } => write!(f, "{path} is in use by another process"),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Missing { last } => write!(f, "the log ends at index {last}"),
            Self::Trimmed { first } => write!(f, "the log begins at index {first}"),
        }
    }
}

impl core::error::Error for Fault {}
impl core::error::Error for ReadError {}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
