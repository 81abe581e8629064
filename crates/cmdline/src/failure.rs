//! Ends other than success.

use std::io::Write;
use std::process::ExitCode;

/// What a program that runs this one can tell failures apart by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Anything without a code of its own, a member's refusal among it.
    Error = 1,
    /// There is no client to work with, or a lease could not be asked after.
    BadConnection = 2,
    /// Standard input holds what it should not.
    InvalidInput = 3,
    /// A format or an option that does not exist, not here, or not yet.
    BadFeature = 4,
    /// A member ended what should go on.
    Interrupted = 5,
    /// Standard output cannot be written.
    Io = 6,
    /// Arguments are missing, too many, or make no sense.
    BadArguments = 128,
}

/// The end of a command that failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// Of which kind it is.
    pub exit: Exit,
    /// What to say; nothing, if all has been said.
    pub message: Option<String>,
    /// What etcd's says in its log instead.
    pub logged: Option<String>,
    /// How it should have been called.
    pub usage: Option<String>,
}

impl Failure {
    /// One of a kind, with what to say.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: Some(message.into()), logged: None, usage: None }
    }

    /// One about which all has been said.
    #[must_use]
    pub fn silent(exit: Exit) -> Self {
        Self { exit, message: None, logged: None, usage: None }
    }

    /// One about which a log has the last word.
    #[must_use]
    pub fn logged(exit: Exit, lines: String) -> Self {
        Self { exit, message: None, logged: Some(lines), usage: None }
    }

    /// One about arguments.
    #[must_use]
    pub fn arguments(message: impl Into<String>) -> Self {
        Self::new(Exit::BadArguments, message)
    }

    /// One about what does not exist, not here, or not yet.
    #[must_use]
    pub fn feature(message: impl Into<String>) -> Self {
        Self::new(Exit::BadFeature, message)
    }

    /// One about standard input.
    #[must_use]
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Exit::InvalidInput, message)
    }

    /// Says what there is to say, and how to end.
    pub fn report(self) -> ExitCode {
        if let Some(lines) = &self.logged {
            eprintln!("{lines}");
        }
        if let Some(message) = &self.message {
            eprintln!("Error: {message}");
        }
        if let Some(usage) = &self.usage {
            eprintln!("{usage}");
        }
        ExitCode::from(self.exit as u8)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(Exit::Error, error.to_string())
    }
}

/// Writes to standard output at once.
///
/// # Errors
///
/// A silent one: who has read enough need not hear of it.
pub fn write_out(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|_| Failure::silent(Exit::Io))
}
