//! Ends other than success.

use std::process::ExitCode;

/// What a program that runs `etcdctl` can tell failures apart by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
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
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// What to say; nothing, if all has been said.
    pub(crate) message: Option<String>,
    /// What etcd's says in its log instead.
    pub(crate) logged: Option<String>,
    /// How it should have been called.
    pub(crate) usage: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: Some(message.into()), logged: None, usage: None }
    }

    /// One about which all has been said.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self { exit, message: None, logged: None, usage: None }
    }

    /// One about which a log has the last word.
    pub(crate) fn logged(exit: Exit, lines: String) -> Self {
        Self { exit, message: None, logged: Some(lines), usage: None }
    }

    pub(crate) fn arguments(message: impl Into<String>) -> Self {
        Self::new(Exit::BadArguments, message)
    }

    pub(crate) fn feature(message: impl Into<String>) -> Self {
        Self::new(Exit::BadFeature, message)
    }

    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::new(Exit::InvalidInput, message)
    }

    pub(crate) fn report(self) -> ExitCode {
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

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        let exit = match error {
            client::Error::Endpoint { .. } => Exit::BadConnection,
            _ => Exit::Error,
        };
        Self::new(exit, error.to_string())
    }
}
