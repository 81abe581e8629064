//! The workspace as it is passes.

use super::*;

#[test]
fn workspace_is_tidy() -> Result<(), Box<dyn Error>> {
    let complaints: Vec<String> = complaints()?.iter().map(Complaint::to_string).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    Ok(())
}

/// An empty reading would pass every check.
#[test]
fn workspace_is_read() -> Result<(), Box<dyn Error>> {
    let workspace = Workspace::load()?;
    let read = |path: &str| workspace.sources.iter().any(|source| source.path == path);
    assert!(read("xtask/src/tidy/tests.rs") && read("crates/proto/build.rs"));
    let mut packages = workspace.packages.iter();
    let consensus = packages.find(|package| package.folder == "crates/consensus");
    let dependencies = consensus.map(|package| package.dependencies.iter()).into_iter().flatten();
    let knows = |name: &str, ours: bool| {
        dependencies.clone().any(|dependency| dependency.name == name && dependency.ours == ours)
    };
    assert!(knows("crates/units", true) && knows("bytes", false));
    assert!(workspace.texts.iter().any(|text| text.path == "Cargo.toml"));
    Ok(())
}
