//! Compares layouts of the keyspace over engines; `README.md` has the numbers and what was decided.
//!
//! One run measures one layout over one engine:
//! `layout-bench <lsm|fjall|redb> <a|b|c> <keys> <value bytes> <directory>`.

mod engine;
mod layout;
mod load;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [engine, layout, keys, value_bytes, dir] = args.as_slice() else {
        eprintln!("usage: layout-bench <lsm|fjall|redb> <a|b|c> <keys> <value bytes> <dir>");
        return ExitCode::FAILURE;
    };
    let keys = keys.parse().expect("the number of keys is a number");
    let value_bytes = value_bytes.parse().expect("the size of values is a number");
    load::run(engine, layout, keys, value_bytes, Path::new(dir));
    ExitCode::SUCCESS
}
