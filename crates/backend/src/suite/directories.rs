//! Directories: one engine at a time, nobody else's files, and no damage that goes unnoticed.

use alloc::format;
use alloc::vec::Vec;
use std::fs;
use std::path::{Path, PathBuf};

use super::{LEFT, RIGHT, Subject, filler, open};
use crate::{Batch, Direction, Fault, Part, Step};

/// Bytes flipped in each file, spread over it.
const FLIPS: usize = 24;

/// A second engine over the same place is refused while the first lives, and the first is none the
/// worse for it.
pub fn a_second_engine_is_refused(subject: &dyn Subject) {
    let engine = open(subject);
    match subject.open() {
        Err(Fault::Locked { .. }) => {}
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("two engines over one place"),
    }
    let mut batch = Batch::new();
    batch.put(LEFT, "a", "1");
    engine.write(batch).expect("it is written");
    engine.sync().expect("it is synced");
    drop(engine);
    drop(open(subject));
}

/// A directory with other people's files is refused, and not a byte in it changes.
pub fn a_foreign_directory_is_left_alone(subject: &dyn Subject) {
    let Some(directory) = subject.directory() else { return };
    fs::create_dir_all(directory.join("photos")).expect("the directory is the test's");
    fs::write(directory.join("photos/cat.jpg"), "meow").expect("the directory is the test's");
    fs::write(directory.join("notes"), "not yours").expect("the directory is the test's");
    let before = files(directory);
    match subject.open() {
        Err(fault @ Fault::Foreign { .. }) => {
            let text = format!("{fault}");
            assert!(text.contains(&*directory.to_string_lossy()), "{text} does not say where");
        }
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("it took other people's directory for its own"),
    }
    assert_eq!(files(directory), before);
}

/// Whatever byte of whatever file is damaged: the engine tells, or nothing that it shows is wrong.
pub fn damage_is_never_served(subject: &dyn Subject) {
    let Some(directory) = subject.directory() else { return };
    let engine = open(subject);
    for number in 0..1000_u32 {
        let mut batch = Batch::new();
        batch.put(LEFT, number.to_be_bytes().to_vec(), filler(number));
        batch.put(RIGHT, (number / 3).to_be_bytes().to_vec(), filler(number));
        engine.write(batch).expect("it is written");
    }
    engine.sync().expect("it is synced");
    drop(engine);
    // Once more, as opening may have tidied.
    drop(open(subject));
    let good = files(directory);
    let mut told = 0;
    for (path, content) in &good {
        for flip in 0..FLIPS.min(content.len()) {
            let at = (content.len() - 1) * flip / (FLIPS - 1);
            let mut damaged = content.clone();
            damaged[at] ^= 1 << (flip % 8);
            fs::write(path, damaged).expect("the directory is the test's");
            let result = read_all(subject);
            if let Err(fault) = result {
                assert!(
                    matches!(fault, Fault::Corrupt { .. } | Fault::Foreign { .. }),
                    "byte {at} of {}: {fault}",
                    path.display(),
                );
                told += 1;
            }
            restore(directory, &good);
        }
        if content.len() > 1 {
            fs::write(path, &content[..content.len() / 2]).expect("the directory is the test's");
            told += usize::from(read_all(subject).is_err());
            restore(directory, &good);
        }
    }
    assert!(told > 0, "no damage was found at all");
    read_all(subject).expect("what was restored is readable");
}

/// Opens the engine and reads everything; panics if anything is wrong and no fault said so.
fn read_all(subject: &dyn Subject) -> Result<(), Fault> {
    let engine = subject.open()?;
    let view = engine.view();
    let mut seen = 0_u32;
    view.scan(LEFT, ALL, Direction::Ascending, Part::Records, &mut |key, value| {
        assert_eq!((key, value), (&seen.to_be_bytes()[..], &*filler(seen)), "served damage");
        seen += 1;
        Step::Next
    })?;
    assert_eq!(seen, 1000, "served less than was written");
    let mut seen = 0_u32;
    view.scan(RIGHT, ALL, Direction::Ascending, Part::Records, &mut |key, value| {
        let newest = (seen * 3 + 2).min(999);
        assert_eq!((key, value), (&seen.to_be_bytes()[..], &*filler(newest)), "served damage");
        seen += 1;
        Step::Next
    })?;
    assert_eq!(seen, 334, "served less than was written");
    for number in 0..1000_u32 {
        let found = view.get(LEFT, &number.to_be_bytes())?;
        assert_eq!(found.as_deref(), Some(&*filler(number)), "served damage");
    }
    Ok(())
}

const ALL: crate::Bounds<'static> = (core::ops::Bound::Unbounded, core::ops::Bound::Unbounded);

/// All files below a directory with their content, sorted.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("the directory is the test's") {
        let path = entry.expect("the directory is the test's").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let content = fs::read(&path).expect("the directory is the test's");
            found.push((path, content));
        }
    }
    found.sort();
    found
}

fn restore(directory: &Path, good: &[(PathBuf, Vec<u8>)]) {
    for (path, _) in files(directory) {
        if good.iter().all(|(have, _)| *have != path) {
            fs::remove_file(&path).expect("the directory is the test's");
        }
    }
    for (path, content) in good {
        if fs::read(path).ok().as_ref() != Some(content) {
            fs::write(path, content).expect("the directory is the test's");
        }
    }
}
