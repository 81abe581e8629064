//! An ordered engine by means of `sled`: a tree whose pages lie in pieces all over a log.
//!
//! ```text
//!   write ──► what the keys were, for views that are held ──► the log's buffer, as one batch
//!   sync  ──► the buffer to the file ──► the file to the disk ──► how many batches that were
//!   view  ──► the number of the last batch, and what changed since
//! ```
//!
//! In the directory:
//!
//! | name | what |
//! |---|---|
//! | `engine` | says that this is ours, and which content it has |
//! | `lock` | held by the engine that has the directory open |
//! | `content-N/sled` | `sled`'s files; [`replace`](backend::Backend::replace) makes the next one |
//! | `content-N/synced` | how many batches the last sync covered |
//!
//! All tables lie in one of `sled`'s trees, told apart by a byte in front of the key, together with
//! the number of the last batch.
//!
//! # What it is good for
//!
//! To be compared with, and for data that can be had again. It is the last release of `sled` that
//! is not an alpha, of 2021, by its authors' word a beta that is not to be trusted with what
//! matters most; nobody mends it any more, nor some of what it depends on.
//!
//! # Invariants
//!
//! - A batch is one to `sled`, too: a start shows all of it or nothing.
//! - What a process that dies leaves is a prefix of the batches: the log is read up to the first
//!   piece that is not whole.
//! - An engine whose last batch is not as new as the last that was synced is damaged, and refused.
//!   `sled` by itself takes a log for finished where it cannot be read, and writes over the rest.
//! - A view is a number, and finds what has been written over since in memory: `sled` has nothing
//!   like it.
//!
//! # Known limits
//!
//! - **A power failure may cost all the data.** On Linux `sled` only hands pages to the disk
//!   (`sync_file_range`), which makes neither the disk's cache durable nor where in the file they
//!   are; and it writes over older ones as if they were safe. A sync of ours does make durable what
//!   is in the file by then, but not the order in which `sled` wrote between two of them. What is
//!   lost is seen at the start, which then refuses. So whoever opens one has to say that this is
//!   known: [`PowerFailure`].
//! - It takes several times the room of what is in it, and gives none back to the disk; what is
//!   deleted is used again, when `sled` gets to it.
//! - What views held miss is in memory, for as long as they are held: a view that is held while all
//!   is written over takes as much memory as all of it.
//! - A scan looks at a chunk at a time, and keeps the writer waiting for as long; and the writer
//!   those who take a view, or read.
//! - A batch holds up everything else that is done by means of `sled` in the same process, also in
//!   other directories.
//! - A range is deleted key by key, in one batch that has all the keys.
//! - Without room a write or a sync ends the engine; only a replacement answers
//!   [`Fault::Full`](backend::Fault::Full).
//! - A start reads the log from `sled`'s last snapshot on, and is not bounded.
//!
//! # What it does not know
//!
//! What keys and values mean; the raft log.
//!
//! # Where to start
//!
//! [`SledBackend`], then `history.rs` and `content.rs`.

mod content;
mod history;
mod keys;
mod view;

pub use content::{Options, PowerFailure, SledBackend};
