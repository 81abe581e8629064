//! Command lines as etcd's programs have them.
//!
//! ```text
//!   arguments ─► command: which one ─► flags: what is set ─► the command's function
//!                    └─► help, complete                          └─► failure: an exit code
//! ```
//!
//! In goes a table of commands and what stands behind the program's name; out comes a call of one
//! of them, or what etcd's program says instead, word for word as the libraries `cobra` and `pflag`
//! put it.
//!
//! # Invariants
//!
//! - A command that is in the table only as one of etcd's says that it is not there, and fails.
//! - What help and completion show is what is in the table, and what works.
//!
//! # What it does not know
//!
//! Which commands there are, and what they do.
//!
//! # Where to start
//!
//! [`command::run`], then `flags.rs`.

pub mod command;
pub mod complete;
pub mod failure;
pub mod flags;
pub mod go;
pub mod help;
