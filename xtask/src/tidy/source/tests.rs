//! What counts as test code.

use super::*;

fn source(path: &str, text: &str) -> Source {
    Source::parse(path, text).expect("the sample is Rust")
}

#[test]
fn items_for_tests_are_known_by_their_attributes() {
    let for_tests = [
        "#[test]",
        "#[tokio::test]",
        "#[cfg(test)]",
        "#[cfg(feature = \"memory\")]",
        "#[cfg(any(test, feature = \"suite\"))]",
        "#[cfg(all(unix, test))]",
    ];
    let for_all = [
        "#[inline]",
        "#[cfg(unix)]",
        "#[cfg(not(test))]",
        "#[cfg(feature = \"std\")]",
        "#[cfg(any(test, feature = \"std\"))]",
    ];
    for (attributes, expected) in [(&for_tests[..], true), (&for_all[..], false)] {
        for attribute in attributes {
            let text = format!("fn a() {{}}\n{attribute}\nfn b() {{\n}}\nfn c() {{}}");
            let source = source("crates/a/src/b.rs", &text);
            let tests = [1, 2, 3, 4, 5].map(|line| source.is_test(line));
            assert_eq!(tests, [false, expected, expected, expected, false], "{attribute}");
        }
    }
}

#[test]
fn files_inherit_from_who_declares_them() {
    let mut sources = vec![
        source("crates/a/src/lib.rs", "mod part;\n#[cfg(feature = \"suite\")] pub mod suite;"),
        source("crates/a/src/part.rs", "fn a() {}\n#[cfg(test)] mod tests;"),
        source("crates/a/src/part/tests.rs", ""),
        source("crates/a/src/suite.rs", "mod crash;"),
        source("crates/a/src/suite/crash/mod.rs", ""),
    ];
    mark_tests(&mut sources);
    let tests: Vec<bool> = sources.iter().map(|source| source.is_test(1)).collect();
    assert_eq!(tests, [false, false, true, true, true]);
}

#[test]
fn folder_of_tests_is_test_code() {
    assert!(source("crates/a/tests/all/main.rs", "").is_test(1));
    assert!(!source("crates/a/src/main.rs", "").is_test(1));
}

#[test]
fn comments_are_no_words() {
    let source = source("a.rs", "//! todo\n/// todo\nfn a() { \"todo\"; /* todo */ } // todo\n");
    assert_eq!(source.find(&["todo"]).count(), 0);
    assert_eq!(source.find(&["fn", "a"]).collect::<Vec<_>>(), [3]);
}
