//! A database of RocksDB in a directory, for `backend-rocksdb` and `raftlog-rocksdb`: opened with
//! what both ask of it, and what it finds wrong in our words.
//!
//! In come a path and options; out come an open database, and faults.
//!
//! # Invariants
//!
//! - A database is made only where one is asked to be made: opening never takes a directory whose
//!   files are gone for an empty one.
//! - Every file has checksums, and they are looked at whenever it is read.
//! - What a crash leaves of a journal is read up to the first record that is not whole, so it is a
//!   prefix. RocksDB does the same where a record was damaged; whoever must miss what comes after
//!   keeps a [`Tally`](home::Tally).
//!
//! # Known limits
//!
//! - RocksDB is C++: building it takes a C++ compiler, libclang for its declarations, and minutes.
//!   A bug in it is not kept in bounds as one in Rust is.
//! - Built for any processor of its kind, as Rust is unless it is told otherwise, it computes the
//!   checksums of its journal (CRC-32C) without the instruction that newer ones have for them;
//!   `RUSTFLAGS=-Ctarget-cpu=native` changes that. Its files have another checksum (XXH3).
//! - Its errors are texts, so it is texts that are told apart here.
//!
//! # What it does not know
//!
//! What is kept in it.
//!
//! # Where to start
//!
//! [`open()`] and [`create`].

mod fault;
mod open;
#[cfg(feature = "testing")]
pub mod testing;

pub use fault::fault;
pub use open::{create, open, options};
