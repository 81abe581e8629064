//! Whose a directory is, what a crash leaves of it, and what is refused.

use tempfile::TempDir;

use super::*;

const KIND: Kind = Kind { owner: "backend-x", format: 1, marker: "engine", content: "content" };

fn empty() -> (TempDir, PathBuf) {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let path = holder.path().join("engine");
    (holder, path)
}

fn open(path: &Path) -> Home {
    Home::open(path, KIND).expect("it opens")
}

/// A home with so many contents behind it.
fn furnished(contents: u64) -> (TempDir, PathBuf) {
    let (holder, path) = empty();
    let mut home = open(&path);
    for _ in 0..contents {
        home.make_next().expect("there is room");
        home.advance().expect("there is room");
    }
    (holder, path)
}

fn mark(path: &Path, body: &str) {
    fs::write(path.join("engine"), sealed(body)).expect("the directory is the test's");
}

#[test]
fn a_content_is_what_the_marker_names() {
    let (_holder, path) = empty();
    assert_eq!(Home::is_furnished(&path, KIND), Ok(false), "there is nothing");
    assert!(!path.exists(), "and looking makes nothing");
    let mut home = open(&path);
    assert!(home.content().is_none());
    let next = home.make_next().expect("there is room");
    fs::write(next.path().join("file"), "1").expect("there is room");
    assert_eq!(Home::is_furnished(&path, KIND), Ok(false), "it is not complete");
    home.advance().expect("there is room");
    assert_eq!(Home::is_furnished(&path, KIND), Ok(true));
    drop(home);
    let home = open(&path);
    let content = home.content().expect("it was completed");
    assert_eq!(content.path(), path.join("content-1"));
    assert!(content.path().join("file").exists());
}

#[test]
fn what_was_not_completed_or_was_replaced_goes() {
    let (_holder, path) = furnished(2);
    fs::create_dir_all(path.join("content-1/deep")).expect("the directory is the test's");
    fs::create_dir_all(path.join("content-3/deep")).expect("the directory is the test's");
    let home = open(&path);
    let mut left = names(&path).expect("it is readable");
    left.sort();
    assert_eq!(left, ["content-2", "engine", "lock"]);
    assert!(home.content().is_some_and(|place| place.path().ends_with("content-2")));
}

#[test]
fn a_creation_that_was_cut_short_is_begun_again() {
    let (_holder, path) = empty();
    fs::create_dir(&path).expect("the directory is the test's");
    fs::write(path.join("lock"), "").expect("the directory is the test's");
    fs::write(path.join("engine.next"), "etcdd ba").expect("the directory is the test's");
    drop(open(&path));
    mark(&path, "etcdd backend-x\nformat 1\ncontent 0\n");
    fs::create_dir(path.join("content-1")).expect("the directory is the test's");
    assert!(open(&path).content().is_none(), "half a first content is as good as none");
    assert!(!path.join("content-1").exists());
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let (_holder, path) = furnished(1);
    for body in
        ["etcdd backend-x\nformat 2\ncontent 1\n", "etcdd backend-xy\nformat 1\ncontent 1\n", "?"]
    {
        mark(&path, body);
        fs::create_dir_all(path.join("content-7")).expect("the directory is the test's");
        let refused = Home::open(&path, KIND).expect_err("it is not ours");
        assert!(matches!(refused, Fault::Foreign { .. }), "{refused}");
        assert!(path.join("content-7").exists(), "nothing is tidied there");
    }
    mark(&path, "etcdd backend-x\nformat 1\ncontent 1\n");
    let mut marker = fs::read(path.join("engine")).expect("it is there");
    marker[20] ^= 1;
    fs::write(path.join("engine"), marker).expect("the directory is the test's");
    let refused = Home::open(&path, KIND).expect_err("it is damaged");
    assert!(matches!(refused, Fault::Corrupt { .. }), "{refused}");
}

#[test]
fn one_at_a_time() {
    let (_holder, path) = furnished(1);
    let home = open(&path);
    let refused = Home::open(&path, KIND).expect_err("it is in use");
    assert_eq!(refused, Fault::Locked { directory: path.display().to_string() });
    drop(home);
    open(&path);
}

#[test]
fn directories_above_are_made_too() {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let path = holder.path().join("a/b/engine");
    drop(open(&path));
    drop(open(&path));
    let file = holder.path().join("file");
    fs::write(&file, "").expect("the directory is the test's");
    let refused = Home::open(&file.join("engine"), KIND).expect_err("a file has no directories");
    assert!(matches!(refused, Fault::Io { .. }), "{refused}");
}
