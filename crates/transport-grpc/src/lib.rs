//! A [`Transport`](::transport::Transport) over gRPC.
//!
//! ```text
//!   send ──► queue per lane ──► a connection per lane, one stream ──► Peer/Frames ──► Sink
//!   call ─────────────────────► one connection per peer ────────────► Peer/Call
//!   send_snapshot ──► pump ───► a connection of its own, paced ─────► Peer/Snapshot
//! ```
//!
//! In go frames for members and the HTTP/2 requests that members make here (by [`Grpc::router`],
//! which whoever owns the peer port puts beside its other paths); out come frames into the sink.
//! `proto/etcdd/peer/v1/peer.proto` is the wire.
//!
//! # What it is good for
//!
//! Members near each other, and every network that lets TCP through: it shares the port on which
//! peers answer HTTP, and costs the least processor time. Nothing of it is durable.
//!
//! Frames and heartbeats take as long as on `tonic`'s streams without us; a snapshot half as long
//! again, for its own connection and checksums (`benches/PARTS.md`).
//!
//! # Invariants
//!
//! - Each lane to each peer has a connection of its own, so that neither a full window nor a lost
//!   packet of one lane holds up another.
//! - Frames wait only while their lane is being connected; when that fails they are dropped.
//! - What `links` says: whom is heard, when a snapshot is whole, that all that waits is bounded.
//!
//! # Known limits
//!
//! - A lost packet holds up its whole lane until the kernel has sent it again, and 200 ms if
//!   nothing follows that tells of the loss.
//! - Without certificates what is said can be read, and said by anybody.
//! - Members are etcdd's: etcd's own peers speak another protocol.
//!
//! # What it does not know
//!
//! What frames are, who listens on the peer port, and what else is served there.
//!
//! # Where to start
//!
//! [`Grpc`], then `link` for the way out and `service` for the way in.

mod link;
mod service;
mod snapshot;
mod transport;
mod wire;

pub use links::{CALL_TIMEOUT, CONNECT_TIMEOUT, Options, SNAPSHOT_BYTES_PER_SECOND};

pub use self::transport::Grpc;
