//! An ordered engine by means of `lsm-tree`: sorted files, merged in the background, without a
//! journal, as the raft log is one.
//!
//! ```text
//!   write ──► memtable ──► sealed ──► flusher: a file in level 0 ──► compactor: lower levels
//!                │            │              │                          │
//!                └────────────┴── State ─────┴──────────────────────────┘   published after each
//!                                   │
//!                                 views: read their state, pin its files; the newest one moves on
//! ```
//!
//! All tables lie in one tree, told apart by a byte in front of the key, so that a flush is atomic
//! over all of them; and one memtable is flushed after the other, so that what is durable is a
//! prefix of the batches. In the directory:
//!
//! | name | what |
//! |---|---|
//! | `engine` | says that this is ours, and which tree is the content |
//! | `lock` | held by the engine that has the directory open |
//! | `tree-N` | `lsm-tree`'s files; [`replace`](backend::Backend::replace) makes the next one |
//!
//! # What it is good for
//!
//! Members, large ones too: a put is an insertion into memory, files are written one after the
//! other and never changed, and what is superseded goes without anybody waiting for it. Memory does
//! not grow with what is stored, but for a few bits a key.
//!
//! # Durability
//!
//! It has no journal: what was written last lies in memory until a memtable is flushed or `sync` is
//! called, and is gone with the process. What is left is a prefix of the batches, and the raft log
//! has the rest. What `sync` has returned for survives a power failure.
//!
//! # Invariants
//!
//! - The writer waits for no file. It holds the memtable that it writes to; the flusher makes it
//!   change over between two batches. Only when files cannot be written as fast as batches come
//!   is it slowed down, and then step by step.
//! - A published state holds everything that any earlier one held, so a view takes the state first
//!   and the newest visible number second.
//! - A view moves to a newer state only if nothing that it sees may be missing there: while nothing
//!   is written, that is. So what an idle member holds is what its newest state needs.
//! - Whoever writes files works in stretches shorter than a request, and rests after each; only
//!   what is deleted is merged without a rest.
//! - `engine` names a tree that is complete and durable.
//! - A disk without room is no fault: merges leave some to others, and what cannot be put into
//!   files stays in memory until it can.
//!
//! # Known limits
//!
//! - What is written takes its room several times over until it has been merged downwards, and
//!   merging takes processor and disk beside requests.
//! - A view that is held keeps the files that it reads on the disk.
//!
//! # What it does not know
//!
//! What keys and values mean; the raft log.
//!
//! # Where to start
//!
//! [`LsmBackend`], then `tree.rs`.

mod bounds;
mod engine;
mod fault;
mod manifest;
mod memtable;
mod merging;
mod pace;
mod scan;
mod tree;
mod view;

pub use engine::{LsmBackend, Options};
