use std::fs;
use std::path::Path;

use super::DataDir;
use crate::config::Settings;
use crate::parts::{Chosen, Parts};
use crate::{Config, Error};

fn usual() -> (Config, Chosen) {
    let config = Config::from_settings(&Settings::defaults()).expect("the defaults are fine");
    let chosen = Parts::compiled_in().choose(&config).expect("there are parts");
    (config, chosen)
}

fn look(dir: &Path) -> Result<DataDir, String> {
    let (mut config, chosen) = usual();
    config.data_dir = dir.to_path_buf();
    DataDir::look(&config, &chosen).map_err(|error| error.to_string())
}

#[test]
fn a_new_directory_is_made() {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let dir = temporary.path().join("a/b");
    let data = look(&dir).expect("there is nothing to be seen");
    assert!(!data.has_engine && !data.has_log && data.log == dir.join("member/wal"));
    assert!(!temporary.path().join("a").exists(), "it was only looked at");
    data.make(&usual().1).expect("it can be made");
    assert!(dir.join("member").is_dir());
    // What the parts make there shows that the member has been started.
    fs::create_dir_all(&data.engine).expect("made");
    fs::create_dir_all(&data.log).expect("made");
    let data = look(&dir).expect("it is ours");
    assert!(data.has_engine && !data.has_log);
    fs::write(data.log.join("0000000000000000-0000000000000000.wal"), "").expect("written");
    assert!(look(&dir).expect("it is ours").has_log);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let dir = temporary.path();
    fs::create_dir_all(dir.join("member/snap")).expect("made");
    fs::create_dir_all(dir.join("member/wal")).expect("made");
    let error = look(dir).expect_err("it is an etcd's");
    assert!(error.contains("holds the data of an etcd"), "{error}");
    assert_eq!(fs::read_dir(dir.join("member")).expect("it is there").count(), 2);
    fs::create_dir(dir.join("proxy")).expect("made");
    let error = look(dir).expect_err("it is odd");
    assert_eq!(error, "invalid datadir; both member and proxy directories exist");
}

#[test]
fn a_log_without_its_engine_is_refused() {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let log = temporary.path().join("member/wal");
    fs::create_dir_all(&log).expect("made");
    fs::write(log.join("0000000000000000-0000000000000000.wal"), "").expect("written");
    let error = look(temporary.path()).expect_err("the engine is missing");
    assert!(error.ends_with("of the backend is missing"), "{error}");
}

#[test]
fn a_directory_remembers_what_wrote_it() {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let (mut config, mut chosen) = usual();
    config.data_dir = temporary.path().to_path_buf();
    let data = DataDir::look(&config, &chosen).expect("it is empty");
    data.make(&chosen).expect("it can be made");
    let note = temporary.path().join("member/parts");
    let text = fs::read_to_string(&note).expect("there is a note");
    assert_eq!(text, "etcdd data directory 1\nraft-log=wal\nbackend=lsm\n");
    DataDir::look(&config, &chosen).expect("it is ours").make(&chosen).expect("it is made");
    let refused = |chosen: &Chosen| match DataDir::look(&config, chosen) {
        Err(Error::DataDir(text)) => text,
        other => panic!("{other:?}"),
    };
    chosen.engine_name = "other".to_owned();
    let text = refused(&chosen);
    assert!(
        text.ends_with(
            "was written with --raft-log=wal --backend=lsm, and cannot be read with \
             --raft-log=wal --backend=other"
        ),
        "{text}"
    );
    // What does not say so does not let others in, nor those who wrote it.
    chosen.engine_name = "lsm".to_owned();
    for damaged in ["", "etcdd data directory 2\nraft-log=wal\nbackend=lsm\n"] {
        fs::write(&note, damaged).expect("written");
        assert!(refused(&chosen).ends_with("does not say which parts wrote the directory"));
    }
    // Before there were notes there was one kind of directory.
    fs::remove_file(&note).expect("removed");
    fs::create_dir(temporary.path().join("member/lsm")).expect("made");
    DataDir::look(&config, &chosen).expect("it is ours");
    chosen.log_name = "other".to_owned();
    refused(&chosen);
}
