//! `completion`, `options`, `version`.

use cmdline::complete;

use crate::call::Call;
use crate::failure::{Failure, write_out};
use crate::help;
use crate::tree::ROOT;

/// The release of etcd whose `etcdctl` this is like, and the API it speaks.
const VERSION: &str = "3.7.1";
const API_VERSION: &str = "3.7";

pub(crate) fn completion(call: &Call) -> Result<(), Failure> {
    write_out(complete::script(ROOT.name, call.arguments())?.as_bytes())
}

pub(crate) fn options(_: &Call) -> Result<(), Failure> {
    write_out(help::options(&ROOT).as_bytes())
}

pub(crate) fn version(_: &Call) -> Result<(), Failure> {
    let text = format!("etcdctl version: {VERSION}\nAPI version: {API_VERSION}\n");
    write_out(text.as_bytes())
}
