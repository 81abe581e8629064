//! What makes a crate impure.

use super::{super::workspace::Dependency, *};

fn complaints(path: &str, text: &str) -> usize {
    check_source(&Source::parse(path, text).expect("the sample is Rust")).len()
}

#[test]
fn lib_must_say_no_std() {
    let lib = "crates/a/src/lib.rs";
    assert_eq!(complaints(lib, "mod a;"), 1);
    assert_eq!(complaints(lib, "#![no_std]\nmod a;"), 0);
    assert_eq!(complaints(lib, "#![cfg_attr(not(feature = \"a\"), no_std)]\nmod a;"), 0);
    assert_eq!(complaints(lib, "#![deny(no_std)]\nmod a;"), 1);
    assert_eq!(complaints("crates/a/src/b.rs", "mod a;"), 0);
}

#[test]
fn std_is_for_tests_and_suites() {
    let complaints = |text| complaints("crates/a/src/b.rs", text);
    assert_eq!(complaints("use std::fs;"), 1);
    assert_eq!(complaints("use {core::fmt, std::fs};"), 1);
    assert_eq!(complaints("fn a() { ::std::process::exit(1) }"), 1);
    assert_eq!(complaints("fn a() { b!(std::process::exit(1)) }"), 1);
    assert_eq!(complaints("extern crate std;"), 1);
    assert_eq!(complaints("use alloc::vec::Vec; // std::vec"), 0);
    assert_eq!(complaints("#[cfg(feature = \"suite\")]\nextern crate std;"), 0);
    assert_eq!(complaints("#[cfg(test)]\nmod tests { use std::fs; }"), 0);
    assert_eq!(complaints("#[cfg(feature = \"std\")]\nuse std::fs;"), 1);
}

#[test]
fn foreign_crates_are_listed() {
    let dependency = |name: &str, kind| Dependency { name: name.into(), ours: false, kind };
    let package = Package {
        folder: "a".into(),
        dependencies: vec![
            dependency("bytes", DependencyKind::Normal),
            dependency("rand", DependencyKind::Normal),
            dependency("proptest", DependencyKind::Development),
        ],
    };
    let complaints = check_package(&package, &pure("a", &["bytes"]));
    assert_eq!(complaints, [Complaint::new("a", "must not use rand: the crate is pure")]);
}
