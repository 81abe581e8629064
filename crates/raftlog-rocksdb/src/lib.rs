//! A durable raft log by means of RocksDB.
//!
//! [`keyedlog`] is the log; here is what it is kept in: RocksDB's journal holds what was appended
//! last, and its files the rest. A group is one batch, whose write waits for the disk.
//!
//! # What it is good for
//!
//! To be run by those who run RocksDB already, and to be compared with `raftlog-wal`, which writes
//! every entry once where this one writes it to the journal and then to a file.
//!
//! # Invariants
//!
//! - Those of [`keyedlog`]: a batch of RocksDB is there as a whole or not at all, and one that was
//!   written with a sync survives.
//! - What was trimmed is deleted as a range, by one record; files that have nothing else go at
//!   once.
//!
//! # Known limits
//!
//! - It is built from C++; see [`store_rocksdb`].
//! - Without room it ends.
//!
//! # What it does not know
//!
//! What a log is.
//!
//! # Where to start
//!
//! [`RocksdbLog`], then [`keyedlog`].

mod store;

pub use store::{Options, RocksdbLog, RocksdbStore};
