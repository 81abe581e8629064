//! An ordered engine by means of `redb`: one file with a tree in it whose pages are copied when
//! they change.
//!
//! ```text
//!   write ──► a transaction that is not durable: new pages, in memory as far as they have room
//!   sync  ──► an empty one that is: pages, sync, header, sync
//!   view  ──► a root; the pages below it stay as long as somebody reads them
//! ```
//!
//! In the directory:
//!
//! | name | what |
//! |---|---|
//! | `engine` | says that this is ours, and which content it has |
//! | `lock` | held by the engine that has the directory open |
//! | `content-N/redb` | the file; [`replace`](backend::Backend::replace) makes the next one |
//!
//! All tables lie in one tree, told apart by a byte in front of the key.
//!
//! # What it is good for
//!
//! Data that is read much more than written: a read is a walk of a tree without merging, and
//! nothing runs in the background. A crash leaves what was last synced, exactly; a start replays
//! nothing, and takes as long with ten keys as with ten million.
//!
//! # Invariants
//!
//! - What a crash leaves is the state of the last sync that got to its end. `redb` never writes
//!   over a page that this state has.
//! - The header never names what is not on the disk: it is written behind a sync (`pages.rs`).
//! - Every page is checked against a checksum of ours when it is read. `redb` has checksums too,
//!   but looks at them only after a crash.
//! - `engine` names a content that is complete and durable.
//!
//! # Known limits
//!
//! - A batch writes whole pages, and again those above them. A thousand small puts at random places
//!   write several thousand pages, where `backend-lsm` writes a few; that is what a sync waits for.
//! - Writers take turns, so a batch waits while a sync writes its pages and syncs them: unlike what
//!   the contract wishes for, a sync does hold up writes. Reads go on.
//! - A view that is held keeps every page that it could read, so the file grows as long as one is.
//!   It gets smaller only where its end is free; a content that came by a replacement is compact.
//! - The file has room for up to twice of what is in it, most of it not taken from the disk.
//! - Without room a sync answers [`Fault::Full`](backend::Fault::Full) before it begins. If the
//!   room vanishes while it writes, or a batch finds none for pages that memory has no room for,
//!   that ends the engine: `redb` does not go on after a failed write.
//! - A value is copied when it is read, as pages are not shared beyond a read.
//!
//! # What it does not know
//!
//! What keys and values mean; the raft log.
//!
//! # Where to start
//!
//! [`RedbBackend`], then `pages.rs`.

mod content;
mod engine;
mod fault;
mod pages;
mod view;

pub use engine::{Options, RedbBackend};
