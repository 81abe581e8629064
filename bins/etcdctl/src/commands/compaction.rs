//! `compaction`.

use client::Compaction;

use crate::call::Call;
use crate::commands::text;
use crate::failure::{Exit, Failure};
use crate::flags::{Flag, Kind};
use crate::go::{Base, parse_int};
use crate::print::write_out;

pub(crate) static FLAGS: [Flag; 1] =
    [Flag::new("physical", Kind::Bool, "wait until the member asked has let go of it")];

pub(crate) fn compaction(call: &Call) -> Result<(), Failure> {
    let [revision] = call.arguments() else {
        return Err(Failure::arguments("compaction command needs 1 argument"));
    };
    let revision = parse_int(&text(revision), Base::Ten)
        .map_err(|error| Failure::new(Exit::Error, error.to_string()))?;
    let compaction = match call.flags.bool("physical") {
        true => Compaction::Physical,
        false => Compaction::Logical,
    };
    call.answer(call.client()?.compact(revision, compaction))?;
    write_out(format!("compacted revision {revision}\n").as_bytes())
}
