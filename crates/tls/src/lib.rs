//! TLS from files that may be replaced at any time.
//!
//! ```text
//!   flags ──► Settings ─┬─► Acceptor ──► config(), each handshake ─► somebody is let in, or not
//!   files ──────────────┴─► Connector ─► config(), each handshake ─► a connection to a server
//! ```
//!
//! In go the names of files with certificates, keys, authorities and revocation lists, and what
//! etcd's flags say about whom to trust; out come configurations of `rustls`, for whatever carries
//! TLS: connections of TCP by means of [`Acceptor::accept`] and [`Connector::connect`], QUIC by
//! itself from [`Acceptor::config`] and [`Connector::config`].
//!
//! # Invariants
//!
//! - Each handshake is made with the files as they are then. If they cannot be used, that is logged
//!   once, and the last that could be stay in use.
//! - Every connection shows its certificate and has it checked: no session is resumed, as it would
//!   outlive the trust it was begun with.
//! - A certificate is checked whole while hands are shaken (authority, time, purpose, revocation,
//!   allowed names), so that no carrier can forget a part of it; but for [`check_address`], which
//!   needs to know where the connection comes from.
//! - There is one crypto library, `ring`.
//!
//! # What it does not know
//!
//! Members, URLs, HTTP. What `ring` does not do is refused by name: cipher suites with CBC, RC4 or
//! without forward secrecy, TLS before 1.2, keys on the curve P-521.
//!
//! # Where to start
//!
//! [`Settings`], then [`Acceptor`] and [`Connector`].

mod acceptor;
mod address;
#[cfg(feature = "authority")]
pub mod authority;
mod connector;
mod error;
mod names;
mod protocol;
mod read;
mod reloading;
#[cfg(feature = "self-made")]
mod self_made;
mod settings;
mod verify;
mod words;

pub use rustls;

pub use self::acceptor::{Acceptor, HANDSHAKE_TIMEOUT, Rejected};
pub use self::address::check_address;
pub use self::connector::Connector;
pub use self::error::Error;
pub use self::names::Names;
pub use self::protocol::{BadProtocol, Protocol};
#[cfg(feature = "self-made")]
pub use self::self_made::self_made;
pub use self::settings::{Allowed, BadSettings, Pair, Settings};
pub use self::verify::Refused;
pub use self::words::in_words;
