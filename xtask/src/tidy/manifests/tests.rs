//! What is missing in a manifest is found.

use super::*;

fn text(text: &str) -> Text {
    Text { path: "Cargo.toml".into(), text: text.into() }
}

fn root(dependencies: &str) -> Vec<String> {
    let text = text(&format!("[workspace]\na = 1\n[workspace.dependencies]\n{dependencies}\n[b]"));
    check_root(&text).into_iter().map(|complaint| complaint.place).collect()
}

#[test]
fn foreign_crate_needs_a_comment_that_names_it() {
    assert_eq!(root("# a: for b.\na = \"1\""), [""; 0]);
    assert_eq!(root("# a: for b, with\n# a-b.\na = \"1\"\na-b = { version = \"1\" }"), [""; 0]);
    assert_eq!(root("own = { path = \"own\" }"), [""; 0]);
    assert_eq!(root("a = \"1\""), ["Cargo.toml:4"]);
    assert_eq!(root("# a-b: for c.\na = \"1\""), ["Cargo.toml:5"]);
    assert_eq!(root("# a: for b.\na = \"1\"\n# c: for d.\nb = \"1\""), ["Cargo.toml:7"]);
}

#[test]
fn foreign_crates_are_in_order() {
    assert_eq!(root("# a, b: for c.\nb = \"1\"\na = \"1\""), ["Cargo.toml:6"]);
}

const MEMBER: &str = "package.edition.workspace = true\npackage.license.workspace = true\n\
                      package.publish.workspace = true\npackage.rust-version.workspace = true\n\
                      package.version.workspace = true\nlints.workspace = true\n";

#[test]
fn member_takes_everything_from_the_root() {
    assert_eq!(check_member(&text(MEMBER)), []);
    for line in MEMBER.lines() {
        let without = MEMBER.replace(line, "");
        assert_eq!(check_member(&text(&without)).len(), 1, "{line}");
    }
    assert_eq!(check_member(&text("[package")).len(), 1);
}

#[test]
fn member_plants_no_bugs() {
    let with = |more: &str| check_member(&text(&format!("{MEMBER}{more}"))).len();
    assert_eq!(with("[features]\na = [\"units/planted\"]"), 1);
    assert_eq!(with("[dependencies]\na = { workspace = true, features = [\"planted\"] }"), 1);
}

#[test]
fn member_names_no_versions() {
    let with = |more: &str| check_member(&text(&format!("{MEMBER}{more}"))).len();
    assert_eq!(with("[dependencies]\na.workspace = true"), 0);
    assert_eq!(with("[dependencies]\na = { workspace = true, features = [\"b\"] }"), 0);
    assert_eq!(with("[dependencies]\na = \"1\""), 1);
    assert_eq!(with("[dev-dependencies]\na = { path = \"../a\" }"), 1);
    assert_eq!(with("[build-dependencies]\na = { version = \"1\" }"), 1);
    assert_eq!(with("[target.'cfg(unix)'.dependencies]\na = \"1\""), 1);
}
