//! A durable raft log in etcd's WAL format.
//!
//! ```text
//!   append ──► group in memory ──► sync ──► one write, one fdatasync ──► <sequence>-<index>.wal
//!                                                                            │ full
//!                                        next segment, prepared ahead ──► rename, sync of names
//!   trim ──► snapshot record, then segments wholly behind it go
//!   install ──► a new segment that begins with the snapshot record; all before it goes
//! ```
//!
//! A segment is a file of 64 MB, allocated when it is made. It is a row of frames, each a protobuf
//! record behind its length: a checksum carried over from the segment before, whose log it is, then
//! entries, hard states and markers (which etcd calls snapshots). The checksum of a record covers
//! the data of all records before it, so that none can go missing in the middle. etcd's own tools
//! read what is written here, and a directory that etcd wrote is read here. On a disk without room
//! for a whole segment, one grows as it is written.
//!
//! # What it is good for
//!
//! Members: an entry is written once and waits for one `fdatasync`, together with whatever came in
//! meanwhile; nothing is merged, indexed or rewritten behind it.
//!
//! # Durability
//!
//! What `sync` has returned for survives a power failure, if the disk keeps what it says it has;
//! what came later is there up to some point, or not at all. Only [`files::Syncs::Skipped`]
//! promises nothing.
//!
//! # Invariants
//!
//! - A group of appends is written once, ends with the hard state, and is never shown in another
//!   order. So a record before a hard state that another record follows was synced.
//! - A segment's head and its name are durable before an entry in it is acknowledged.
//! - Sequence numbers of the segments in use have no gap. A gap is left on purpose by `install`:
//!   what lies before it is no longer part of the log, whether or not it has been removed.
//! - A record that was never written wholly is cut off, and that is said; other damage is a fault.
//! - Entries read later are checked against the checksum, the index and the term they must have.
//!
//! # Known limits
//!
//! - Room is given back by whole segments of 64 MB, and one is made ahead.
//! - Where each entry lies is in memory.
//! - Only what was torn by a crash at the very end is repaired; a rotten record in the middle means
//!   that the member must be replaced.
//!
//! # What it does not know
//!
//! What entries mean, when to sync, how far to trim, and which disk it is: [`files::Files`] stands
//! between.
//!
//! # Where to start
//!
//! [`Wal`]; `record.rs` for the format; `replay.rs` and `torn.rs` for what a start makes of it.

mod contents;
mod directory;
pub mod files;
mod history;
mod open;
mod reader;
mod record;
mod replay;
mod segment;
mod torn;
mod wal;

pub use wal::{SEGMENT_BYTES, Wal};
