//! Each word is found where it matters, and only there.

use super::*;

fn lines(path: &str, text: &str) -> Vec<String> {
    let source = Source::parse(path, text).expect("the sample is Rust");
    let prefix = format!("{path}:");
    let places = check_source(&source).into_iter().map(|complaint| complaint.place);
    places.map(|place| place.replace(&prefix, "")).collect()
}

#[test]
fn attributes_are_found() {
    let lines = |text| lines("a.rs", text);
    assert_eq!(lines("#![allow(dead_code)]"), ["1"]);
    assert_eq!(lines("fn a() {\n#[allow(unused)]\nlet b = 1;\n}"), ["2"]);
    assert_eq!(lines("#[cfg_attr(unix, allow(dead_code))]\nfn a() {}"), ["1"]);
    assert_eq!(lines("#[test]\n#[ignore]\nfn a() {}"), ["2"]);
    assert_eq!(lines("#[test]\n#[ignore = \"slow\"]\nfn a() {}"), ["2"]);
    assert_eq!(lines("#[test]\n#[should_panic(expected = \"a\")]\nfn a() {}"), ["2"]);
    assert_eq!(lines("#[expect(dead_code)]\nfn allow() { let ignore = allow(); }"), [""; 0]);
    assert_eq!(lines("#[serde(ignore)]\nstruct A; // #[allow]"), [""; 0]);
}

#[test]
fn unfinished_code_is_found() {
    let lines = |text| lines("a.rs", text);
    assert_eq!(lines("fn a() {\ntodo!()\n}"), ["2"]);
    assert_eq!(lines("fn a() {\nb!(unimplemented!(\"c\"))\n}"), ["2"]);
    assert_eq!(lines("fn todo() { todo() } // todo!()"), [""; 0]);
}

#[test]
fn sleeping_tests_are_found() {
    let body = "fn a() {\nstd::thread::sleep(b)\n}";
    assert_eq!(lines("a/tests/b.rs", body), ["2"]);
    assert_eq!(lines("a/src/b.rs", body), [""; 0]);
    assert_eq!(lines("a/src/b.rs", &format!("#[test]\n{body}")), ["3"]);
    let tests = |body| lines("a/tests/b.rs", body);
    assert_eq!(tests("async fn a() { tokio::time::sleep_until(b).await }"), ["1"]);
    assert_eq!(tests("use std::thread::sleep;"), ["1"]);
    assert_eq!(tests("fn a() { sleep(b) }"), ["1"]);
    assert_eq!(tests("fn sleep() { a.sleep(b) }"), [""; 0]);
}
