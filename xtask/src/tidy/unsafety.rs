//! Where `unsafe` may be written.

use super::{Complaint, source::Source, workspace::Workspace};

/// The files that may, each with the reason.
const UNSAFE: &[(&str, &str)] = &[];

pub(super) fn check(workspace: &Workspace) -> Vec<Complaint> {
    workspace.sources.iter().flat_map(|source| check_source(source, UNSAFE)).collect()
}

fn check_source(source: &Source, listed: &[(&str, &str)]) -> Vec<Complaint> {
    if listed.iter().any(|(path, _)| *path == source.path) {
        return Vec::new();
    }
    let what = "unsafe, in a file that xtask's table does not name";
    source.find(&["unsafe"]).map(|line| Complaint::at(source, line, what)).collect()
}

#[cfg(test)]
mod tests;
