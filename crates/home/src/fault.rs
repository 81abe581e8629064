//! What went wrong, and in which directory or file.

use std::fmt::{self, Display};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// What keeps a part from going on; each contract has words of its own for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What was read is not what was written.
    Corrupt {
        /// The file, or the directory if it is not known better.
        file: String,
        /// What does not fit.
        what: String,
    },
    /// The directory belongs to something else, or to a format this build does not know.
    Foreign {
        /// The directory.
        directory: String,
        /// Why it is not ours.
        what: String,
    },
    /// There was no room on the disk.
    Full {
        /// What was being done, with the path.
        doing: String,
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
        /// The directory.
        directory: String,
    },
}

impl Fault {
    /// A file does not hold what it must.
    pub fn corrupt(file: &Path, what: impl Display) -> Self {
        Self::Corrupt { file: file.display().to_string(), what: what.to_string() }
    }

    /// Something that is done to a file or a directory was refused.
    #[must_use]
    pub fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        let doing = format!("{doing} {}", path.display());
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { doing },
            _ => Self::Io { doing, error: error.to_string() },
        }
    }

    /// A file cannot be read that must be there, and be whole.
    #[must_use]
    pub fn reading(file: &Path, error: &io::Error) -> Self {
        match is_of_content(error) {
            true => Self::corrupt(file, error),
            false => Self::io("reading", file, error),
        }
    }

    /// The same for those who must not try again: nothing is known of what the disk holds now.
    #[must_use]
    pub fn for_good(self) -> Self {
        match self {
            Self::Full { doing } => Self::Io { doing, error: "there is no room".to_string() },
            other => other,
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { file, what } => write!(f, "{file} is damaged: {what}"),
            Self::Foreign { directory, what } => write!(f, "{directory} is not ours: {what}"),
            Self::Full { doing } => write!(f, "{doing}: there is no room on the disk"),
            Self::Io { doing, error } => write!(f, "{doing}: {error}"),
            Self::Locked { directory } => write!(f, "{directory} is in use by another process"),
        }
    }
}

impl std::error::Error for Fault {}

/// In an engine's words, and with what can be done.
impl From<Fault> for backend::Fault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Corrupt { file, what } => {
                let what = format!(
                    "{what}; replace this member by a new one if it has peers, else restore a \
                     snapshot"
                );
                Self::Corrupt { file, what }
            }
            Fault::Foreign { directory, what } => Self::Foreign { directory, what },
            Fault::Full { doing } => Self::Full { doing },
            Fault::Io { doing, error } => Self::Io { doing, error },
            Fault::Locked { directory } => Self::Locked { directory },
        }
    }
}

/// Whether an error is about what a file holds, not about getting at it.
#[must_use]
pub fn is_of_content(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::NotFound | ErrorKind::UnexpectedEof)
}

/// Runs what may panic on files it cannot make sense of.
///
/// # Errors
///
/// What it answers; [`Fault::Corrupt`] if it panics.
pub fn guarded<T, F: From<Fault>>(
    files: &Path,
    run: impl FnOnce() -> Result<T, F>,
) -> Result<T, F> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        let text = text.unwrap_or_else(|| "it cannot be made sense of".to_string());
        Err(Fault::corrupt(files, text).into())
    })
}
