//! Why a member does not start, or ends.

use std::path::PathBuf;
use std::{fmt, io};

use host::Ending;

use crate::bootstrap::Refused;
use crate::config::BadConfig;

/// Why a member does not start, or ends. Each is one line, in etcd's words where etcd has some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The flags say something that cannot be.
    Config(BadConfig),
    /// The member does not come into its cluster.
    Bootstrap(String),
    /// The data directory cannot be used.
    DataDir(String),
    /// The member has ended.
    Ended(Ending),
    /// The engine cannot be used.
    Engine(backend::Fault),
    /// It does not hold what the other members hold.
    Inconsistent(String),
    /// Somebody else uses this file.
    InUse(PathBuf),
    /// One cannot listen there.
    Listen {
        /// The kind of network, and where in it: host and port, or a path.
        address: String,
        /// What the system says.
        error: String,
    },
    /// The log cannot be written.
    Log(String),
    /// The raft log cannot be used.
    Raftlog(raftlog::Fault),
    /// The system refuses something that a program can count on.
    System(String),
    /// Connections cannot be secured with the files there are.
    Tls(tls::Error),
    /// The flags cannot be understood.
    Usage(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::InUse(path) => write!(f, "{} is in use by another process", path.display()),
            Self::Listen { address, error } => write!(f, "listen {address}: bind: {error}"),
            Self::Ended(ending) => ending.fmt(f),
            Self::Engine(fault) => fault.fmt(f),
            Self::Raftlog(fault) => fault.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::Bootstrap(text)
            | Self::DataDir(text)
            | Self::Inconsistent(text)
            | Self::Log(text)
            | Self::System(text)
            | Self::Usage(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

/// What the system says, in the words in which Go's programs pass it on.
pub(crate) fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

impl From<BadConfig> for Error {
    fn from(error: BadConfig) -> Self {
        Self::Config(error)
    }
}

impl From<Refused> for Error {
    fn from(error: Refused) -> Self {
        Self::Bootstrap(error.to_string())
    }
}
