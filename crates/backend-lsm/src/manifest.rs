//! The list of a tree's files, and whether it is the one that was written.

use std::fs;
use std::path::Path;

use backend::Fault;
use xxhash_rust::xxh3::xxh3_128;

use crate::fault::corrupt;

/// Checks that the list of a tree's files is the one that was written; the tree itself does not.
pub(crate) fn check(tree: &Path) -> Result<(), Fault> {
    let (version, sum) = read_current(tree)?;
    let manifest = tree.join(format!("v{version}"));
    if xxh3_128(&read_own(&manifest)?) != sum {
        return Err(corrupt(&manifest, "its checksum is wrong"));
    }
    Ok(())
}

/// The version of a tree that the next opening would find.
pub(crate) fn version_in_use(tree: &Path) -> Result<u64, Fault> {
    read_current(tree).map(|(version, _)| version)
}

/// The version that is in use, and the checksum of its list of files.
fn read_current(tree: &Path) -> Result<(u64, u128), Fault> {
    let current = tree.join("current");
    let pointer = read_own(&current)?;
    let Some((number, rest)) = pointer.split_first_chunk::<8>() else {
        return Err(corrupt(&current, "it is too short"));
    };
    let Some((sum, _)) = rest.split_first_chunk::<16>() else {
        return Err(corrupt(&current, "it is too short"));
    };
    Ok((u64::from_le_bytes(*number), u128::from_le_bytes(*sum)))
}

fn read_own(path: &Path) -> Result<Vec<u8>, Fault> {
    fs::read(path).map_err(|error| home::Fault::reading(path, &error).into())
}
