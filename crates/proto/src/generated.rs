//! What `build.rs` makes of `proto/`.

#![expect(missing_docs, reason = "generated; etcd's API documents its fields")]
#![expect(unused_qualifications, reason = "generated")]
#![cfg_attr(feature = "server", expect(clippy::allow_attributes, reason = "generated"))]

/// Users, roles and permissions.
pub mod authpb {
    include!(concat!(env!("OUT_DIR"), "/authpb.rs"));
}

/// etcd's client API, and what a log entry holds.
pub mod etcdserverpb {
    include!(concat!(env!("OUT_DIR"), "/etcdserverpb.rs"));

    pub use crate::nesting::TxnRequest;
}

/// gRPC's health protocol, package `grpc.health.v1`.
pub mod health {
    include!(concat!(env!("OUT_DIR"), "/grpc.health.v1.rs"));
}

/// Leases, as stored and as members ask each other about them.
pub mod leasepb {
    include!(concat!(env!("OUT_DIR"), "/leasepb.rs"));
}

/// Membership, as logged and stored.
pub mod membershippb {
    include!(concat!(env!("OUT_DIR"), "/membershippb.rs"));
}

/// Keys with their values, and events.
pub mod mvccpb {
    include!(concat!(env!("OUT_DIR"), "/mvccpb.rs"));
}

/// Entries, peer messages, configuration changes.
pub mod raftpb {
    include!(concat!(env!("OUT_DIR"), "/raftpb.rs"));
}

/// The file of a raft snapshot.
pub mod snappb {
    include!(concat!(env!("OUT_DIR"), "/snappb.rs"));
}

/// The election service.
pub mod v3electionpb {
    include!(concat!(env!("OUT_DIR"), "/v3electionpb.rs"));
}

/// The lock service.
pub mod v3lockpb {
    include!(concat!(env!("OUT_DIR"), "/v3lockpb.rs"));
}

/// Records of the write-ahead log.
pub mod walpb {
    include!(concat!(env!("OUT_DIR"), "/walpb.rs"));
}
