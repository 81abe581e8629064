//! How a member's work can end.

use crate::checks::Violation;

/// Why a member does not go on.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Its disk is at fault: it stops, as it must.
    Fault(String),
    /// Something that must never be.
    Violation(Violation),
}

impl From<Violation> for Ending {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

/// A fault of a log or an engine ends a member.
pub(crate) fn fault<T, F: std::fmt::Display>(result: Result<T, F>) -> Result<T, Ending> {
    result.map_err(|fault| Ending::Fault(fault.to_string()))
}
