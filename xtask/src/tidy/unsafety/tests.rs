//! `unsafe` in all its places.

use super::*;

fn complaints(text: &str, listed: &[(&str, &str)]) -> usize {
    check_source(&Source::parse("a.rs", text).expect("the sample is Rust"), listed).len()
}

#[test]
fn unsafe_is_found() {
    let samples = [
        "fn a() { unsafe { b() } }",
        "unsafe fn a() {}",
        "unsafe impl Send for A {}",
        "#[unsafe(no_mangle)] fn a() {}",
        "fn a() { b!(unsafe { c() }) }",
    ];
    for sample in samples {
        assert_eq!(complaints(sample, &[]), 1, "{sample}");
        assert_eq!(complaints(sample, &[("b.rs", "another")]), 1, "{sample}");
        assert_eq!(complaints(sample, &[("a.rs", "a reason")]), 0, "{sample}");
    }
}

#[test]
fn word_alone_is_nothing() {
    assert_eq!(complaints("#![deny(unsafe_code)] // unsafe\nconst A: &str = \"unsafe\";", &[]), 0);
}
