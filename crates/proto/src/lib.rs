//! etcd's messages and services, generated from `proto/`.
//!
//! Bytes in, messages out, and back: a module for each protobuf package (`etcdserverpb`, `raftpb`,
//! …), and [`spliced`], the answers of a server that sends what it has stored without decoding it.
//! Features `client` and `server` add the gRPC services; without them the crate needs no `std`.
//!
//! # Invariants
//!
//! - `proto/` and etcd 3.7 agree in every name, number, type, label, default and presence; a test
//!   holds them to a table of etcd's own descriptors.
//! - Whatever is decoded, a stack has room for it; what is nested deeper is refused.
//! - A spliced message and its ordinary twin have the same bytes.
//!
//! # What it does not know
//!
//! etcdd: which fields are required, what they mean, and what a server does with them.
//!
//! # Where to start
//!
//! `proto/etcdserverpb/rpc.proto` for clients, `proto/etcdserverpb/raft_internal.proto` for what is
//! in the log.

#![cfg_attr(not(any(feature = "client", feature = "server")), no_std)]

extern crate alloc;

mod generated;
mod nesting;
pub mod spliced;

pub use generated::{
    authpb, etcdserverpb, health, leasepb, membershippb, mvccpb, raftpb, snappb, v3electionpb,
    v3lockpb, walpb,
};
pub use nesting::NESTING_MAX;
