//! What can go wrong, by what is known of the request's fate.

use std::error::Error as _;
use std::fmt;

use tonic::{Code, ConnectError, Status, TimeoutExpired};

use crate::reason::Reason;

/// Why there is no answer. Its text is the one that etcd's own clients show.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// What a watch has still to see is gone; it can start again from this revision.
    Compacted {
        /// The revision up to which history was compacted.
        revision: i64,
    },
    /// No connection to a member came about, so nothing was sent.
    Connect {
        /// What the operating system says.
        message: String,
    },
    /// Time is up. Whether the request was carried out is unknown.
    Deadline {
        /// Why the last attempt before it had failed, if there was one.
        last: Option<Box<Error>>,
    },
    /// An endpoint that cannot be spoken to.
    Endpoint {
        /// As it was given.
        endpoint: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A member's answer is no.
    Refused {
        /// gRPC's code.
        code: Code,
        /// What etcd says.
        message: String,
        /// Which of etcd's errors that is.
        reason: Reason,
    },
    /// Files cannot be used with which connections are to be secured.
    Tls(tls::Error),
    /// The connection broke. Whether the request was carried out is unknown.
    Transport {
        /// What broke.
        message: String,
    },
    /// A member ended a watch, or did not begin it.
    WatchCanceled {
        /// What it says.
        reason: String,
    },
}

impl Error {
    /// Which of etcd's errors it is.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Compacted { .. } => Reason::Compacted,
            Self::Refused { reason, .. } => *reason,
            Self::WatchCanceled { reason } => Reason::of(reason),
            Self::Connect { .. }
            | Self::Deadline { .. }
            | Self::Endpoint { .. }
            | Self::Tls(_)
            | Self::Transport { .. } => Reason::Other,
        }
    }

    /// The refusal that etcd's client library makes up itself where the protocol answers with a
    /// number.
    pub(crate) fn refused(code: Code, reason: Reason) -> Self {
        let message = reason.message().unwrap_or_default().to_owned();
        Self::Refused { code, message, reason }
    }

    /// What a failed call says. A status with a source was made on this side, by the connection.
    pub(crate) fn of_status(status: &Status) -> Self {
        let mut source = status.source();
        let local = source.is_some();
        while let Some(error) = source {
            if error.is::<ConnectError>() {
                return Self::Connect { message: innermost(error) };
            }
            if error.is::<TimeoutExpired>() {
                return Self::Deadline { last: None };
            }
            source = error.source();
        }
        let message = status.message().to_owned();
        match status.code() {
            _ if local => Self::Transport { message: status.source().map_or(message, innermost) },
            Code::DeadlineExceeded => Self::Deadline { last: None },
            code => Self::Refused { code, reason: Reason::of(&message), message },
        }
    }
}

/// The outer errors of a connection only say that there is one.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let as_grpc = |f: &mut fmt::Formatter<'_>, code: Code, message: &str| {
            write!(f, "rpc error: code = {} desc = {message}", name(code))
        };
        match self {
            Self::Compacted { .. } => {
                f.write_str("etcdserver: mvcc: required revision has been compacted")
            }
            Self::Connect { message } | Self::Transport { message } => {
                as_grpc(f, Code::Unavailable, message)
            }
            Self::Deadline { .. } => f.write_str("context deadline exceeded"),
            Self::Endpoint { endpoint, why } => write!(f, "endpoint {endpoint:?}: {why}"),
            Self::Refused { message, reason, .. } if reason.is_typed() => f.write_str(message),
            Self::Refused { code, message, .. } => as_grpc(f, *code, message),
            Self::Tls(error) => error.fmt(f),
            Self::WatchCanceled { reason } => f.write_str(reason),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Deadline { last: Some(last) } => Some(&**last),
            _ => None,
        }
    }
}

/// A code as etcd's clients spell it.
fn name(code: Code) -> String {
    match code {
        Code::Cancelled => "Canceled".to_owned(),
        code => format!("{code:?}"),
    }
}
