//! What may stand in a `lib.rs`.

use super::*;

fn complaints(text: &str) -> usize {
    let source = Source::parse("crates/a/src/lib.rs", text);
    check_door(&source.expect("the sample is Rust")).len()
}

#[test]
fn door_holds_nothing() {
    let door = "//! A crate.\n#![no_std]\nextern crate alloc;\nmod a;\npub use a::B;\n";
    assert_eq!(complaints(door), 0);
    let more = ["fn a() {}", "struct A;", "mod b {}", "const A: u8 = 1;", "impl A {}", "a! {}"];
    for more in more {
        assert_eq!(complaints(&format!("{door}{more}")), 1, "{more}");
    }
}

#[test]
fn door_says_what_is_behind() {
    assert_eq!(complaints("#![no_std]\nmod a;"), 1);
}
