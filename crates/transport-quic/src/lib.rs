//! A [`Transport`](::transport::Transport) over QUIC.
//!
//! ```text
//!   send ──► queue per lane ─┐                              ┌─► a stream per lane ─────► Sink
//!   call ────────────────────┼─► one connection per peer ──┼─► a stream per question ─► Sink
//!   send_snapshot ──► pump ──┘      (TLS 1.3 over UDP)      ├─► a stream, paced ───────► Sink
//!   visit ─────────────────────► a connection of its own ───┴─► a stream ─► who serves HTTP
//! ```
//!
//! In go frames for members and bound UDP sockets, at which peers are heard; out come frames into
//! the sink. `wire` is what is said on the streams.
//!
//! # What it is good for
//!
//! Networks that lose packets, or that members move in: a lost packet holds up the one stream whose
//! bytes were in it and nothing else, is sent again after a round trip without the kernel's 200 ms,
//! and a connection survives a change of addresses (its client's; NAT included). All of it is
//! encrypted, and acknowledged by this process instead of the kernel: processor time that gRPC over
//! plain TCP does not take. Frames, heartbeats and snapshots take no longer than `quinn`'s streams
//! without us (`benches/PARTS.md`).
//!
//! # Invariants
//!
//! - Each lane is a stream of its own, those that are more urgent first: a heartbeat waits neither
//!   for entries nor for a snapshot, be it that their packets were lost or that nobody reads them.
//! - Who connects introduces itself before anything else; until then it may open one stream, and
//!   send 64 KiB.
//! - Nothing is sent before the handshake is done, and no session is resumed: there is no 0-RTT,
//!   with which whoever has recorded a request could repeat it.
//! - What a peer may have unread here is bounded by windows, and what it may make us hold beside
//!   them by the largest frame.
//! - What `links` says: whom is heard, when a snapshot is whole, that all that waits is bounded.
//!
//! # Known limits
//!
//! - There is one connection for each direction between two members, and one congestion window for
//!   all that goes that way. A way that becomes long while it is in use keeps the control of a
//!   short one, and `quinn` calls its BBR experimental (`congestion`).
//! - UDP must be let through, and datagrams of 1200 bytes; larger ones are found out by trying.
//! - A peer that ends without a word is missed after five seconds, or when it is back.
//!
//! # What it does not know
//!
//! What frames are, and what visitors are told.
//!
//! # Where to start
//!
//! [`Quic`], then `link` for the way out and `service` for the way in; `tuning` has the numbers.

mod congestion;
mod dialer;
mod link;
mod question;
mod service;
mod snapshot;
mod transport;
mod tuning;
mod visit;
mod wire;
mod words;

pub use links::{CALL_TIMEOUT, CONNECT_TIMEOUT, Options, SNAPSHOT_BYTES_PER_SECOND};

pub use self::transport::Quic;
pub use self::visit::{Visit, visit};
pub use self::wire::PROTOCOL;
