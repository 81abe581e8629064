//! The stories of a node: golden scripts over a scripted consensus (`tests/scripts`), and small
//! clusters over real ones.

mod cluster;
mod driver;
mod scripted;

use std::fs;
use std::path::Path;

use driver::Driver;

/// Runs every script of a topic, each with a node of its own.
fn run(topic: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts").join(topic);
    let mut scripts: Vec<_> = fs::read_dir(&folder)
        .expect("every topic has a folder")
        .map(|entry| entry.expect("the folder can be listed").path())
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty(), "no scripts in {}", folder.display());
    for script in scripts {
        goldenscript::run(&mut Driver::new(), &script)
            .unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    }
}

#[test]
fn proposals() {
    run("proposals");
}

#[test]
fn reads() {
    run("reads");
}

#[test]
fn membership() {
    run("membership");
}

#[test]
fn snapshots() {
    run("snapshots");
}

#[test]
fn trim() {
    run("trim");
}

#[test]
fn intake() {
    run("intake");
}

#[test]
fn lanes() {
    run("lanes");
}
