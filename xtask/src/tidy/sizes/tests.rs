//! Each limit lets its own number pass, and not one more.

use super::*;

fn source(text: &str) -> Source {
    Source::parse("a.rs", text).expect("the sample is Rust")
}

#[test]
fn columns_are_limited() {
    let text = format!("{}\n{}", "ä".repeat(COLUMNS_MAX), "ä".repeat(COLUMNS_MAX + 1));
    assert_eq!(
        check_columns("a.rs", &text),
        [Complaint::new("a.rs:2", "101 columns, more than 100")]
    );
}

#[test]
fn files_are_limited() {
    assert_eq!(check_file(&source(&"\n".repeat(FILE_LINES_MAX)), &[]), None);
    let long = source(&"\n".repeat(FILE_LINES_MAX + 1));
    assert!(check_file(&long, &[]).is_some());
    assert!(check_file(&long, &[("b.rs", "a reason")]).is_some());
    assert_eq!(check_file(&long, &[("a.rs", "a reason")]), None);
}

/// A function whose code, with its first and last line, has `lines` lines.
fn function(lines: usize) -> String {
    format!("fn a() {{\n{}}}", "b();\n".repeat(lines - 2))
}

#[test]
fn functions_are_limited() {
    assert_eq!(check_functions(&source(&function(FUNCTION_LINES_MAX)), &[]), []);
    let long = function(FUNCTION_LINES_MAX + 1);
    let complaints = check_functions(&source(&long), &[]);
    assert_eq!(complaints, [Complaint::new("a.rs:1", "`a` has 71 lines, more than 70")]);
    assert_eq!(check_functions(&source(&long), &[("a.rs::a", "a reason")]), []);
    for (open, close) in [("impl A {", "}"), ("trait A {", "}"), ("mod b { mod c {", "} }")] {
        let complaints = check_functions(&source(&format!("{open}\n{long}\n{close}")), &[]);
        assert_eq!(complaints.len(), 1, "{open}");
    }
}

#[test]
fn only_code_counts() {
    let free = "// a comment\n\n/* another */ // one\n".repeat(100);
    let text = function(FUNCTION_LINES_MAX).replacen('\n', &format!("\n{free}"), 1);
    assert_eq!(check_functions(&source(&text), &[]), []);
    let literal = format!("fn a() {{\nb(\"{}\");\n}}", "\n".repeat(FUNCTION_LINES_MAX));
    assert_eq!(check_functions(&source(&literal), &[]).len(), 1);
}
