//! Its texts, as the version that is linked says them.

use rocksdb::DB;

use super::*;
use crate::{create, open, options};

#[test]
fn who_comes_second_is_told_so() {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let database = create(holder.path(), options()).expect("there is room");
    let refused = open(holder.path(), &options()).expect_err("it is in use");
    assert_eq!(refused, Fault::Locked { directory: holder.path().display().to_string() });
    drop(database);
    open(holder.path(), &options()).expect("nobody has it open");
}

#[test]
fn what_is_not_there_is_damage() {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let database: Result<DB, Fault> = open(holder.path(), &options());
    let refused = database.expect_err("it is empty");
    assert!(matches!(refused, Fault::Corrupt { .. }), "{refused}");
}
