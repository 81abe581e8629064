//! What ends an engine.

use alloc::string::String;
use core::fmt;

/// The engine can no longer be trusted; whoever sees one stops the member. Nothing is tried again:
/// after a failed write nobody knows what the disk holds. But for [`Full`](Self::Full).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What was read is not what was written.
    Corrupt {
        /// The file, as far as it is known.
        file: String,
        /// What does not fit.
        what: String,
    },
    /// There was no room on the disk. Said by [`sync`](crate::Backend::sync) and
    /// [`replace`](crate::Backend::replace), and only if nothing was lost by it: everything is as
    /// visible, and as little durable, as before, and it may be tried again.
    Full {
        /// What was being done, with the path.
        doing: String,
    },
    /// Somebody else has the directory open.
    Locked {
        /// The directory.
        directory: String,
    },
    /// The operating system refused.
    Io {
        /// What was being done, with the path.
        doing: String,
        /// What it answered.
        error: String,
    },
    /// The directory belongs to something else, or to a format this build does not know.
    Foreign {
        /// The directory.
        directory: String,
        /// Why it is not ours.
        what: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { file, what } => write!(f, "{file} is damaged: {what}"),
            Self::Full { doing } => write!(f, "{doing}: there is no room on the disk"),
            Self::Locked { directory } => write!(f, "{directory} is in use by another process"),
            Self::Io { doing, error } => write!(f, "{doing}: {error}"),
            Self::Foreign { directory, what } => {
                write!(f, "{directory} does not hold an engine of this kind: {what}")
            }
        }
    }
}

impl core::error::Error for Fault {}
