//! What a transport keeps of its peers, whatever carries its frames.
//!
//! ```text
//!   send ──► Queue per lane ──► Outgoing ──► a connection
//!   who calls ──► Introduction ──► Peers::admit ──► heard and answered, or a Refusal
//!   call ──► Peers::call ──► a question and its one result
//!   send_snapshot ──► Departure ──► pieces, not faster than the rate ──► Arrivals ──► Sink
//! ```
//!
//! In go the calls of a [`Transport`](transport::Transport) and whatever a part has received; out
//! come batches, verdicts and pieces for the part to carry. What a part adds is how it connects and
//! how it writes these down.
//!
//! # Invariants
//!
//! - Everything that waits is bounded: frames of a lane, questions, snapshots, strangers.
//! - A question and a snapshot have one result, however they end.
//! - A snapshot counts as arrived only if its length and checksum, taken at the sender, hold at the
//!   receiver, and the receiver's sink took it in.
//! - A caller of another cluster, for another member, or removed gets to the sink in no way.
//!
//! # What it does not know
//!
//! Sockets, addresses, certificates, what frames are.
//!
//! # Where to start
//!
//! [`Peers`], then [`Line`].

mod introduction;
mod options;
mod peers;
mod question;
mod queue;
mod remote;
mod snapshot;
#[cfg(feature = "suite")]
pub mod suite;
mod verdicts;

pub use self::introduction::{Introduction, Refusal, lane_word};
pub use self::options::{CALL_TIMEOUT, CONNECT_TIMEOUT, Options, SNAPSHOT_BYTES_PER_SECOND};
pub use self::peers::{Dialer, Local, Peers};
pub use self::question::{NoAnswer, answer};
pub use self::queue::{BATCH_BYTES_MAX, Outgoing, Queue};
pub use self::remote::{Line, Remote};
pub use self::snapshot::{Arrivals, Departing, PIECE_BYTES_MAX, Piece, SILENCE_MAX};
