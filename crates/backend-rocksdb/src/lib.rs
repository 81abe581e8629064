//! An ordered engine by means of RocksDB: log-structured trees in C++, behind a journal.
//!
//! ```text
//!   write ──► journal ──► memtable ──► a file in level 0 ──► lower levels
//!               │
//!   sync ──► journal to disk          a file is on the disk before the journal behind it goes
//!   view  ──► a snapshot: a sequence number
//! ```
//!
//! In a [`home`]: `content-N/rocksdb` has RocksDB's files, `content-N/synced` how many batches the
//! last sync covered. All tables lie in one of its trees (a column family), told apart by a byte in
//! front of the key, together with the number of the last batch. So there is one memtable and one
//! order of files for all of them, and what a crash leaves is a prefix of the batches without
//! anything having to be kept in step.
//!
//! # What it is good for
//!
//! To be run by those who run RocksDB already, and to be compared with: it is what most others use.
//! It merges with several threads, deletes a range by one record, and has been at it for longest.
//!
//! # Invariants
//!
//! - A batch is one of RocksDB's: in the journal behind a checksum, whole or not at all.
//! - An engine whose last batch is not as new as the last that was synced is damaged, and refused:
//!   RocksDB by itself takes a journal for finished where it cannot be read.
//! - A content that replaces another is written without a journal, and durable before it counts.
//! - Memory is bounded by the cache, which also holds indexes and filters, and four memtables.
//!
//! # Known limits
//!
//! - It is built from C++; see [`store_rocksdb`].
//! - What a batch writes is held back in memory until the next sync, so a process that is killed
//!   may lose more of what was not synced than others do.
//! - Between two journals RocksDB does not look whether the first one is whole: if power fails when
//!   a memtable was just changed, before the next sync and before its file is there, and the disk
//!   has the beginning of the new journal but not the end of the former, batches in between are
//!   missing unnoticed. RocksDB's own check for that (`track_and_verify_wals`) cannot be turned on
//!   from Rust yet. A process that is killed loses no batch from the middle.
//! - Without room a write or a sync ends the engine; only a replacement answers
//!   [`Fault::Full`](backend::Fault::Full). A file that cannot be written ends it, too, with the
//!   next write.
//! - A fault names RocksDB's directory; which file it is, is in the text.
//! - Ranges that were deleted make reads of what is near them slower until they are merged away.
//!
//! # What it does not know
//!
//! What keys and values mean; the raft log.
//!
//! # Where to start
//!
//! [`RocksdbBackend`], then `content.rs`.

mod content;
mod keys;
mod view;

pub use content::{Options, RocksdbBackend};
