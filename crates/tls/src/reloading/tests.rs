use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::Reloading;
use crate::Error;

struct World {
    _directory: TempDir,
    file: PathBuf,
    reloading: Reloading<String>,
    read: Arc<AtomicUsize>,
}

/// The content of a file, which must not be `broken`.
fn world() -> World {
    let directory = TempDir::new().expect("there is room");
    let file = directory.path().join("file");
    let (from, read) = (file.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&read);
    let reloading = Reloading::new(vec![file.clone()], move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let text = fs::read_to_string(&from).map_err(|error| Error::open(&from, &error))?;
        if text == "broken" { Err(Error::content(&from, text)) } else { Ok(text) }
    });
    World { _directory: directory, file, reloading, read }
}

impl World {
    fn write(&self, text: &str) {
        fs::write(&self.file, text).expect("there is room");
    }

    fn current(&self) -> Result<String, Error> {
        self.reloading.current().map(|text| (*text).clone())
    }
}

#[test]
fn what_was_written_last_counts_however_soon() {
    let world = world();
    for text in ["one", "two", "six", "ten"] {
        world.write(text);
        assert_eq!(world.current().as_deref(), Ok(text));
    }
}

#[test]
fn what_cannot_be_used_leaves_the_former() {
    let world = world();
    assert!(matches!(world.current(), Err(Error::Open { .. })), "there is no former yet");
    world.write("one");
    assert_eq!(world.current().as_deref(), Ok("one"));
    world.write("broken");
    assert_eq!(world.current().as_deref(), Ok("one"));
    fs::remove_file(&world.file).expect("it is there");
    assert_eq!(world.current().as_deref(), Ok("one"));
    world.write("two");
    assert_eq!(world.current().as_deref(), Ok("two"));
}

#[test]
fn what_has_not_changed_for_long_is_not_read_again() {
    let world = world();
    world.write("one");
    let later = SystemTime::now() + Duration::from_secs(10);
    for _ in 0..3 {
        world.reloading.current_at(later).expect("it can be used");
    }
    assert_eq!(world.read.load(Ordering::Relaxed), 1);
    world.write("three");
    let text = world.reloading.current_at(later).map(|text| (*text).clone());
    assert_eq!(text.as_deref(), Ok("three"));
}

#[test]
fn what_has_just_changed_is_read_again() {
    let world = world();
    world.write("one");
    for _ in 0..3 {
        assert_eq!(world.current().as_deref(), Ok("one"));
    }
    assert_eq!(world.read.load(Ordering::Relaxed), 3);
}
