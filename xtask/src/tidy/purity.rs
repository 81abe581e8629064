//! Crates that must run without a world: no standard library, hence no clock, disk, socket or
//! thread, and few foreign crates.

use cargo_metadata::DependencyKind;

use super::{
    Complaint,
    source::Source,
    workspace::{Package, Workspace},
};

struct Pure {
    folder: &'static str,
    /// The foreign crates it may use.
    foreign: &'static [&'static str],
}

const fn pure(folder: &'static str, foreign: &'static [&'static str]) -> Pure {
    Pure { folder, foreign }
}

const PURE: &[Pure] = &[
    pure("crates/auth", &["bytes"]),
    pure("crates/backend", &["bytes"]),
    pure("crates/consensus", &["bytes"]),
    pure("crates/lease", &[]),
    pure("crates/mvcc", &["bytes", "prost"]),
    pure("crates/node", &["bytes", "prost"]),
    // Its services are behind features, and the only ones that need `std`.
    pure("crates/proto", &["bytes", "prost", "tonic", "tonic-prost"]),
    pure("crates/raft", &["bytes"]),
    pure("crates/raftlog", &["bytes"]),
    // etcd's members are JSON in the log and in the engine.
    pure("crates/state", &["bytes", "prost", "serde", "serde_json"]),
    pure("crates/transport", &["bytes"]),
    pure("crates/units", &["bytes"]),
    pure("crates/watch", &["bytes"]),
];

pub(super) fn check(workspace: &Workspace) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for pure in PURE {
        let below = format!("{}/src/", pure.folder);
        let sources = workspace.sources.iter().filter(|source| source.path.starts_with(&below));
        complaints.extend(sources.flat_map(check_source));
        let packages = workspace.packages.iter().filter(|package| package.folder == pure.folder);
        complaints.extend(packages.flat_map(|package| check_package(package, pure)));
    }
    complaints
}

fn check_source(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if source.path.ends_with("/src/lib.rs") && !is_no_std(source) {
        complaints.push(Complaint::new(&source.path, "must say #![no_std]: the crate is pure"));
    }
    for line in source.find(&["std"]) {
        if !source.is_test(line) {
            complaints.push(Complaint::at(source, line, "must not use std: the crate is pure"));
        }
    }
    complaints
}

/// Says so always, or unless certain features are on.
fn is_no_std(source: &Source) -> bool {
    source.attributes().iter().any(|attribute| match attribute {
        [only] => only.text == "no_std",
        [first, .., last, close] => {
            first.text == "cfg_attr" && last.text == "no_std" && close.text == ")"
        }
        _ => false,
    })
}

fn check_package(package: &Package, pure: &Pure) -> Vec<Complaint> {
    let strangers = package.dependencies.iter().filter(|dependency| {
        dependency.kind == DependencyKind::Normal
            && !dependency.ours
            && !pure.foreign.contains(&dependency.name.as_str())
    });
    let complaint = |name| format!("must not use {name}: the crate is pure");
    strangers
        .map(|dependency| Complaint::new(&package.folder, complaint(&dependency.name)))
        .collect()
}

#[cfg(test)]
mod tests;
