//! What went wrong, in the contract's words.

use raftlog::Fault;

/// With what can be done, and without an offset, as stores know of none that would help anybody.
pub(crate) fn in_words(fault: home::Fault) -> Fault {
    match fault.for_good() {
        home::Fault::Corrupt { file, what } => Fault::Corrupt {
            file,
            offset: 0,
            what: format!("{what}; replace this member by a new one"),
        },
        home::Fault::Foreign { directory, what } => Fault::Foreign { directory, what },
        home::Fault::Full { doing } => Fault::Io { doing, error: "there is no room".to_string() },
        home::Fault::Io { doing, error } => Fault::Io { doing, error },
        home::Fault::Locked { directory } => Fault::Locked { path: directory },
    }
}
