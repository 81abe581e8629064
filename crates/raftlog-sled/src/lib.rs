//! A durable raft log by means of `sled`.
//!
//! [`keyedlog`] is the log; here is what it is kept in.
//!
//! # What it is good for
//!
//! To show that a log may be kept in an engine, and to be compared with `raftlog-wal`, which writes
//! less and needs one sync where this one needs two system calls that wait for the disk. It is the
//! last release of `sled` that is not an alpha, of 2021, by its authors' word a beta that is not to
//! be trusted with what matters most; nobody mends it any more, nor some of what it depends on.
//!
//! # Invariants
//!
//! - Those of [`keyedlog`]: a batch of `sled` is there as a whole or not at all, and what
//!   [`store_sled`] has synced is given to the disk.
//!
//! # Known limits
//!
//! - **A power failure may cost the log, and with it what the member has promised to others.** On
//!   Linux `sled` only hands pages to the disk (`sync_file_range`), which makes neither the disk's
//!   cache durable nor where in the file they are; and it writes over older ones as if they were
//!   safe. A sync of ours does make durable what is in the file by then, but not the order in which
//!   `sled` wrote between two of them. What is lost is seen at the start, which then refuses; but
//!   for what was synced in the seconds before, as the number of groups is not synced itself. So
//!   whoever opens one has to say that this is known: [`PowerFailure`].
//! - It always syncs, `--unsafe-no-fsync` or not: where nothing is synced, appends come to stand
//!   still for longer than requests wait.
//! - It takes several times the room of what is in it, and gives none back to the disk.
//! - A group holds up everything else that is done by means of `sled` in the same process.
//!
//! # What it does not know
//!
//! What a log is.
//!
//! # Where to start
//!
//! [`SledLog`], then [`keyedlog`].

mod store;

pub use store::{Options, PowerFailure, SledLog, SledStore};
