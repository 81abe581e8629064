//! Why files cannot be used.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use rustls::pki_types::pem;

/// Why TLS cannot be spoken with the files there are. Each is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A file does not hold what it should.
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No certificate was named for a server to show.
    NoCertificate,
    /// The machine trusts nobody, or does not tell whom.
    NoAuthorities,
    /// A file cannot be read, or made.
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// What the files hold does not fit together, or is of a kind that is not supported.
    Tls(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content { path, why } => write!(f, "{}: {why}", path.display()),
            Self::NoAuthorities => {
                f.write_str("the machine has no certificate authorities that it trusts")
            }
            Self::NoCertificate => f.write_str("KeyFile and CertFile are not presented"),
            Self::Open { path, why } => write!(f, "open {}: {why}", path.display()),
            Self::Tls(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    pub(crate) fn open(path: &Path, error: &io::Error) -> Self {
        let text = error.to_string();
        let text = text.split(" (os error").next().unwrap_or(&text);
        // As Go's programs say it.
        let mut letters = text.chars();
        let first = letters.next().map(|first| first.to_lowercase().to_string());
        let why = format!("{}{}", first.unwrap_or_default(), letters.as_str());
        Self::Open { path: path.to_owned(), why }
    }

    pub(crate) fn content(path: &Path, why: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), why: why.into() }
    }

    pub(crate) fn pem(path: &Path, what: &str, error: &pem::Error) -> Self {
        Self::content(path, format!("failed to find {what}: {error}"))
    }
}
