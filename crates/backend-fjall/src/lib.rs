//! An ordered engine by means of `fjall`: a log-structured tree behind a journal.
//!
//! ```text
//!   write ──► journal ──► memtable ──► a file in level 0 ──► lower levels
//!               │                       │
//!   sync ──► journal to disk            └─ never before the journal is on the disk
//!   view  ──► a sequence number, and the files that have what it sees
//! ```
//!
//! In the directory:
//!
//! | name | what |
//! |---|---|
//! | `engine` | says that this is ours, and which content it has |
//! | `lock` | held by the engine that has the directory open |
//! | `content-N/fjall` | `fjall`'s; [`replace`](backend::Backend::replace) makes the next one |
//! | `content-N/synced` | how many batches the last sync covered |
//!
//! All tables lie in one of `fjall`'s keyspaces, told apart by a byte in front of the key, together
//! with the number of the last batch: whatever loses a file loses that number, too.
//!
//! # What it is good for
//!
//! Much writing, and a sync that takes no longer than the journal's: it writes no file.
//! `backend-lsm` is the same tree without the journal, as the raft log is one already; it writes
//! half as much. This one is the tree as its authors mean it to be used, threads and limits
//! included.
//!
//! # Invariants
//!
//! - Batches lie in the journal one after the other, each behind a checksum. What a crash leaves of
//!   it is read up to the first that is not whole, and a file never has a batch that the journal
//!   could still lose: so that is a prefix.
//! - An engine whose last batch is not as new as the last that was synced is damaged, and refused:
//!   `fjall` by itself takes a journal for finished where it cannot be read.
//! - Lists of files are checked against their checksums before the tree is opened, which it does
//!   not do itself.
//! - `engine` names a content that is complete and durable.
//!
//! # Known limits
//!
//! - A file of the journal has 64 MB, and is given back when everything in it is in files of the
//!   tree; `fjall` allows 512 MiB of them by default, here they may have 128 MiB. A start reads
//!   them again: up to a second or so.
//! - A sync holds the journal, and with it all writes, while the disk works.
//! - A range is deleted key by key, in one batch that has all the keys.
//! - A batch of which the power failure left the beginning and the end, but not the middle, is
//!   refused as damage, although nobody was told that it is durable.
//! - Without room a write or a sync ends the engine; only a replacement answers
//!   [`Fault::Full`](backend::Fault::Full). A thread of `fjall` that fails ends it, too, and what
//!   it failed with is in the log of `fjall` only.
//! - A view keeps the files and the memtables that it reads, also when they have been merged since.
//!
//! # What it does not know
//!
//! What keys and values mean; the raft log.
//!
//! # Where to start
//!
//! [`FjallBackend`], then `content.rs`.

mod content;
mod fault;
mod keys;
mod view;

pub use content::{FjallBackend, Options};
