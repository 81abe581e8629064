//! What a disk that lied makes of a database.

use std::fs;
use std::path::Path;

/// Shortens the journals in a database's directory to so many hundredths of what they were.
///
/// # Panics
///
/// If there was nothing in them that could be lost, or they cannot be written.
pub fn shorten_journals(files: &Path, hundredths: usize) {
    let mut cut = 0;
    for entry in fs::read_dir(files).expect("it is there") {
        let path = entry.expect("it is there").path();
        if path.extension().is_some_and(|is| is == "log") {
            let bytes = fs::read(&path).expect("it is there");
            let rest = bytes.len() * hundredths / 100;
            fs::write(&path, &bytes[..rest]).expect("it is there");
            cut += bytes.len() - rest;
        }
    }
    assert!(cut > 0 || hundredths == 100, "there is nothing in the journal");
}
