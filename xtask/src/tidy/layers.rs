//! Which crate may know which.

use cargo_metadata::DependencyKind;

use super::{
    Complaint,
    workspace::{Package, Workspace},
};

struct Layer {
    folder: &'static str,
    /// What it may depend on: earlier rows only.
    uses: &'static [&'static str],
    /// What its tests may use besides.
    tests: &'static [&'static str],
}

const fn layer(
    folder: &'static str,
    uses: &'static [&'static str],
    tests: &'static [&'static str],
) -> Layer {
    Layer { folder, uses, tests }
}

const UNITS: &str = "crates/units";

/// From the bottom up. An arrow that is not here is a design decision: it needs a line in
/// `ARCHITECTURE.md` first. A part's crate is known to `server` alone, and to `sim` those that run
/// there.
const LAYERS: &[Layer] = &[
    layer(UNITS, &[], &[]),
    layer("crates/proto", &[], &[]),
    layer("crates/tls", &[], &[]),
    // Contracts. `consensus` reads the log it orders through `raftlog`'s reader.
    layer("crates/backend", &[UNITS], &[]),
    layer("crates/raftlog", &[UNITS], &[]),
    layer("crates/transport", &[UNITS], &[]),
    layer("crates/consensus", &[UNITS, "crates/raftlog"], &[]),
    // Machines.
    layer("crates/lease", &[UNITS], &[]),
    layer("crates/auth", &[UNITS], &[]),
    layer("crates/mvcc", &[UNITS, "crates/proto", "crates/backend"], &[]),
    layer("crates/node", &[UNITS, "crates/proto", "crates/consensus"], &["crates/raft"]),
    layer(
        "crates/state",
        &[UNITS, "crates/proto", "crates/backend", "crates/lease", "crates/auth", "crates/mvcc"],
        &[],
    ),
    layer("crates/watch", &[UNITS, "crates/mvcc"], &[]),
    // What parts are made of.
    layer("crates/home", &["crates/backend"], &[]),
    layer("crates/keyedlog", &[UNITS, "crates/home", "crates/raftlog"], &[]),
    layer("crates/store-rocksdb", &["crates/home"], &[]),
    layer("crates/store-sled", &["crates/home"], &[]),
    layer("crates/links", &[UNITS, "crates/transport"], &[]),
    // Parts.
    layer("crates/raft", &[UNITS, "crates/consensus"], &[]),
    // In its tests members of both parts make one cluster.
    layer("crates/consensus-raftrs", &[UNITS, "crates/consensus"], &["crates/raft"]),
    layer("crates/raftlog-wal", &[UNITS, "crates/proto", "crates/raftlog"], &[]),
    layer(
        "crates/raftlog-rocksdb",
        &["crates/home", "crates/keyedlog", "crates/store-rocksdb"],
        &["crates/raftlog"],
    ),
    layer(
        "crates/raftlog-sled",
        &["crates/home", "crates/keyedlog", "crates/store-sled"],
        &["crates/raftlog"],
    ),
    layer("crates/backend-fjall", &["crates/backend", "crates/home"], &[]),
    layer("crates/backend-lsm", &["crates/backend", "crates/home"], &[]),
    layer("crates/backend-redb", &["crates/backend", "crates/home"], &[]),
    layer(
        "crates/backend-rocksdb",
        &["crates/backend", "crates/home", "crates/store-rocksdb"],
        &[],
    ),
    layer("crates/backend-sled", &["crates/backend", "crates/home", "crates/store-sled"], &[]),
    layer("crates/transport-grpc", &[UNITS, "crates/links", "crates/tls", "crates/transport"], &[]),
    layer("crates/transport-quic", &[UNITS, "crates/links", "crates/tls", "crates/transport"], &[]),
    // The world, real and simulated.
    layer(
        "crates/host",
        &[
            UNITS,
            "crates/backend",
            "crates/consensus",
            "crates/node",
            "crates/lease",
            "crates/mvcc",
            "crates/proto",
            "crates/raftlog",
            "crates/state",
            "crates/transport",
            "crates/watch",
        ],
        // Its tests are whole members.
        &["crates/raft", "crates/raftlog-wal"],
    ),
    layer(
        "crates/sim",
        &[
            UNITS,
            "crates/backend",
            "crates/consensus",
            "crates/consensus-raftrs",
            // What `state` is made of is looked at and configured here, command by command.
            "crates/lease",
            "crates/mvcc",
            "crates/proto",
            "crates/node",
            "crates/raft",
            "crates/raftlog",
            "crates/raftlog-wal",
            "crates/state",
            "crates/transport",
            "crates/watch",
        ],
        &[],
    ),
    layer("crates/client", &["crates/proto", "crates/tls"], &[]),
    layer("crates/cmdline", &[], &[]),
    layer(
        "crates/api",
        // What `watch` delivers, and the `mvcc` events in it, are encoded here and nowhere else.
        &[UNITS, "crates/proto", "crates/host", "crates/mvcc", "crates/state", "crates/watch"],
        // Its tests are whole members.
        &[
            "crates/backend",
            "crates/consensus",
            "crates/node",
            "crates/raft",
            "crates/raftlog",
            "crates/transport",
        ],
    ),
    layer(
        "crates/server",
        &[
            UNITS,
            "crates/api",
            "crates/auth",
            "crates/backend",
            "crates/backend-fjall",
            "crates/backend-lsm",
            "crates/backend-redb",
            "crates/backend-rocksdb",
            "crates/backend-sled",
            "crates/consensus",
            "crates/consensus-raftrs",
            "crates/host",
            "crates/lease",
            "crates/links",
            "crates/mvcc",
            "crates/node",
            "crates/proto",
            "crates/raft",
            "crates/raftlog",
            "crates/raftlog-rocksdb",
            "crates/raftlog-sled",
            "crates/raftlog-wal",
            "crates/state",
            "crates/tls",
            "crates/transport",
            "crates/transport-grpc",
            "crates/transport-quic",
            "crates/watch",
        ],
        &[],
    ),
    layer("bins/etcdd", &["crates/server"], &[]),
    layer("bins/etcdctl", &["crates/client", "crates/cmdline", "crates/proto", "crates/tls"], &[]),
    layer("bins/etcdutl", &["crates/cmdline", "crates/server"], &[]),
    // Outside: they see the product as its users do, or a part alone.
    layer("benches/floor", &["crates/proto"], &[]),
    layer("benches/layout", &["crates/backend", "crates/backend-lsm"], &[]),
    layer(
        "benches/parts",
        &[
            UNITS,
            "crates/backend",
            "crates/consensus",
            "crates/raftlog",
            "crates/server",
            "crates/tls",
            "crates/transport",
        ],
        &[],
    ),
    // Its certificates are made by an authority that `tls` has for tests.
    layer("integration", &["crates/proto"], &["crates/tls"]),
    layer("benches/load", &["crates/proto", "integration"], &[]),
    layer("xtask", &[], &[]),
];

pub(super) fn check(workspace: &Workspace) -> Vec<Complaint> {
    workspace.packages.iter().flat_map(|package| check_package(package, LAYERS)).collect()
}

fn check_package(package: &Package, layers: &[Layer]) -> Vec<Complaint> {
    let Some(layer) = layers.iter().find(|layer| layer.folder == package.folder) else {
        return vec![Complaint::new(&package.folder, "has no row in xtask's table of layers")];
    };
    let strangers = package.dependencies.iter().filter(|dependency| {
        let name = dependency.name.as_str();
        let in_tests = dependency.kind == DependencyKind::Development;
        let known = layer.uses.contains(&name) || in_tests && layer.tests.contains(&name);
        // A crate may be its own test's dependency, to turn a feature on.
        dependency.ours && !known && name != package.folder
    });
    let complaint = |name| format!("must not know {name}; see xtask's table of layers");
    strangers
        .map(|dependency| Complaint::new(&package.folder, complaint(&dependency.name)))
        .collect()
}

#[cfg(test)]
mod tests;
