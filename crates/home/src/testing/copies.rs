//! Copies of directories: what a process that dies would leave.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Replaces a directory by a copy of itself as it is before `end` ends whoever writes to it.
pub fn crash(directory: &Path, end: impl FnOnce()) {
    // What threads in the background write is not of one moment, so until they have nothing to do.
    let files = loop {
        if let (Ok(first), Ok(second)) = (files(directory), files(directory))
            && first == second
        {
            break first;
        }
    };
    end();
    fs::remove_dir_all(directory).expect("the directory is the test's");
    fs::create_dir(directory).expect("the directory is the test's");
    for (path, content) in files {
        match content {
            None => fs::create_dir_all(&path).expect("the directory is the test's"),
            Some(content) => write(&path, &content).expect("there is room for a copy"),
        }
    }
}

/// All files and directories below one, sorted. Fails if one vanishes meanwhile.
fn files(directory: &Path) -> io::Result<Vec<(PathBuf, Option<Vec<u8>>)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
            found.push((path, None));
        } else {
            let content = fs::read(&path)?;
            found.push((path, Some(content)));
        }
    }
    found.sort();
    Ok(found)
}

/// Without what is allocated and not written.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let end = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    fs::write(path, &content[..end])?;
    File::options().write(true).open(path)?.set_len(content.len() as u64)
}
