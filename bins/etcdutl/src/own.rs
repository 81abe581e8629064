//! `completion`, `options`, `version`.

use cmdline::failure::{Failure, write_out};
use cmdline::flags::Parsed;
use cmdline::{complete, help};

use crate::tree::ROOT;

/// The release of etcd whose `etcdutl` this is like, and the API it speaks.
const VERSION: &str = "3.7.1";
const API_VERSION: &str = "3.7";

pub(crate) fn completion(call: &Parsed) -> Result<(), Failure> {
    write_out(complete::script(ROOT.name, &call.arguments)?.as_bytes())
}

pub(crate) fn options(_: &Parsed) -> Result<(), Failure> {
    write_out(help::options(&ROOT).as_bytes())
}

pub(crate) fn version(_: &Parsed) -> Result<(), Failure> {
    let text = format!("etcdutl version: {VERSION}\nAPI version: {API_VERSION}\n");
    write_out(text.as_bytes())
}
