use std::fs;
use std::path::Path;

use super::DataDir;
use crate::Config;
use crate::config::Settings;

fn look(dir: &Path) -> Result<DataDir, String> {
    let mut config = Config::from_settings(&Settings::defaults()).expect("the defaults are fine");
    config.data_dir = dir.to_path_buf();
    DataDir::look(&config).map_err(|error| error.to_string())
}

#[test]
fn a_new_directory_is_made() {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let dir = temporary.path().join("a/b");
    let data = look(&dir).expect("there is nothing to be seen");
    assert!(!data.has_engine && !data.has_log && data.log == dir.join("member/wal"));
    assert!(!temporary.path().join("a").exists(), "it was only looked at");
    data.make().expect("it can be made");
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
