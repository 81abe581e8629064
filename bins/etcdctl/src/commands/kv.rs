//! `compaction`; and `get`, `put`, `del`: by themselves and as lines of a transaction.

use std::io::Read;
use std::thread;
use std::time::Duration;

use client::{Compaction, Delete, Get, Keys, Order, Put, SortBy};

use crate::call::Call;
use crate::commands::text;
use crate::failure::{Exit, Failure, write_out};
use crate::flags::{Flag, Kind, Parsed};
use crate::go::{Base, parse_int, quote};
use crate::print::{Answer, Format, Show};

pub(crate) static COMPACTION_FLAGS: [Flag; 1] =
    [Flag::new("physical", Kind::Bool, "wait until the member asked has let go of it")];

pub(crate) static GET_FLAGS: [Flag; 15] = [
    Flag::new("consistency", Kind::String, "l: as it is now; s: as the member asked knows it")
        .default("l"),
    Flag::new("count-only", Kind::Bool, "only how many there are"),
    Flag::new("from-key", Kind::Bool, "all keys from this one on"),
    Flag::new("keys-only", Kind::Bool, "without values"),
    Flag::new("limit", Kind::Int, "at most so many"),
    Flag::new("max-create-rev", Kind::Int, "only those created at this revision or earlier"),
    Flag::new("max-mod-rev", Kind::Int, "only those changed last at this revision or earlier"),
    Flag::new("min-create-rev", Kind::Int, "only those created at this revision or later"),
    Flag::new("min-mod-rev", Kind::Int, "only those changed last at this revision or later"),
    Flag::new("order", Kind::String, "ASCEND or DESCEND"),
    Flag::new("prefix", Kind::Bool, "all keys that begin like this"),
    Flag::new("print-value-only", Kind::Bool, "only values, in format simple"),
    Flag::new("rev", Kind::Int, "as it was at this revision"),
    Flag::new("sort-by", Kind::String, "CREATE, KEY, MODIFY, VALUE or VERSION"),
    Flag::new("stream", Kind::Bool, "have it sent in chunks"),
];

pub(crate) static PUT_FLAGS: [Flag; 4] = [
    Flag::new("ignore-lease", Kind::Bool, "leave the key on its lease"),
    Flag::new("ignore-value", Kind::Bool, "leave the key its value"),
    Flag::new("lease", Kind::String, "the lease to put the key on, in hexadecimal").default("0"),
    Flag::new("prev-kv", Kind::Bool, "show what was there before"),
];

pub(crate) static DEL_FLAGS: [Flag; 4] = [
    Flag::new("from-key", Kind::Bool, "all keys from this one on"),
    Flag::new("prefix", Kind::Bool, "all keys that begin like this"),
    Flag::new("prev-kv", Kind::Bool, "show what was there before"),
    Flag::new("range", Kind::Bool, "delete a range without hesitation"),
];

/// How long one has to think better of deleting a range.
const HESITATION: Duration = Duration::from_secs(2);

pub(crate) fn get(call: &Call) -> Result<(), Failure> {
    let flags = &call.flags;
    let get = get_of(flags)?;
    let format = call.settings()?.format;
    if flags.bool("count-only") && format != Format::Fields {
        return Err(Failure::arguments("--count-only is only for `--write-out=fields`"));
    }
    if flags.bool("print-value-only") && format != Format::Simple {
        return Err(Failure::arguments("print-value-only is only for `--write-out=simple`"));
    }
    let client = call.client()?;
    let response = if flags.bool("stream") {
        call.answer(async { client.get_stream(get).await?.collect().await })?
    } else {
        call.answer(client.get(get))?
    };
    let show = if flags.bool("print-value-only") { Show::Values } else { Show::Pairs };
    call.show(Answer::Get(&response, show))
}

pub(crate) fn put(call: &Call) -> Result<(), Failure> {
    let mut input = Vec::new();
    if call.arguments().len() == 1 && !call.flags.bool("ignore-value") {
        std::io::stdin()
            .read_to_end(&mut input)
            .map_err(|error| Failure::new(Exit::Io, error.to_string()))?;
    }
    let put = put_of(&call.flags, &input)?;
    let response = call.answer(call.client()?.put(put))?;
    call.show(Answer::Put(&response))
}

pub(crate) fn del(call: &Call) -> Result<(), Failure> {
    let delete = delete_of(&call.flags)?;
    let response = call.answer(call.client()?.delete(delete))?;
    call.show(Answer::Delete(&response))
}

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

/// The read that these flags and arguments mean.
pub(crate) fn get_of(flags: &Parsed) -> Result<Get, Failure> {
    let Some(key) = flags.arguments.first() else {
        return Err(Failure::arguments(
            "get command needs one argument as key and an optional argument as range_end",
        ));
    };
    if flags.bool("prefix") && flags.bool("from-key") {
        return Err(both("--prefix", "--from-key"));
    }
    if flags.bool("keys-only") && flags.bool("count-only") {
        return Err(both("--keys-only", "--count-only"));
    }
    let mut get = Get::new(keys_of(flags, key)?);
    match flags.string("consistency") {
        "l" => {}
        "s" => get = get.serializable(),
        other => {
            let message = format!("unknown consistency flag {}", quote(other.as_bytes()));
            return Err(Failure::feature(message));
        }
    }
    if let Some((by, order)) = sorting(flags)? {
        get = get.sorted(by, order);
    }
    if flags.bool("keys-only") {
        get = get.keys_only();
    }
    if flags.bool("count-only") {
        get = get.count_only();
    }
    let bounds = |what: &str| {
        let name = what.to_ascii_lowercase();
        let (min, max) =
            (flags.int(&format!("min-{name}-rev")), flags.int(&format!("max-{name}-rev")));
        if max > 0 && min > max {
            let message = format!("getMin{what}Rev(={min}) > getMax{what}Rev(={max})");
            return Err(Failure::feature(message));
        }
        Ok((min, max))
    };
    let (mod_min, mod_max) = bounds("Mod")?;
    let (create_min, create_max) = bounds("Create")?;
    Ok(get
        .limit(flags.int("limit"))
        .revision(flags.int("rev").max(0))
        .mod_revision_min(mod_min.max(0))
        .mod_revision_max(mod_max.max(0))
        .create_revision_min(create_min.max(0))
        .create_revision_max(create_max.max(0)))
}

/// The write that these flags and arguments mean. A value that is no argument is the input.
pub(crate) fn put_of(flags: &Parsed, input: &[u8]) -> Result<Put, Failure> {
    let needed =
        || Failure::arguments("put command needs 1 argument and input from stdin or 2 arguments");
    let key = flags.arguments.first().ok_or_else(needed)?;
    let mut put = if flags.bool("ignore-value") {
        if flags.arguments.len() > 1 {
            let message = "put command needs only 1 argument when 'ignore-value' is set";
            return Err(Failure::arguments(message));
        }
        Put::touch(key.clone())
    } else {
        let value = match flags.arguments.get(1) {
            Some(value) => value,
            None if input.is_empty() => return Err(needed()),
            None => input,
        };
        Put::new(key.clone(), value.to_vec())
    };
    let lease = parse_int(flags.string("lease"), Base::Sixteen).map_err(|error| {
        Failure::arguments(format!("bad lease ID ({error}), expecting ID in Hex"))
    })?;
    if lease != 0 {
        put = put.lease(lease);
    }
    if flags.bool("ignore-lease") {
        put = put.same_lease();
    }
    if flags.bool("prev-kv") {
        put = put.with_previous();
    }
    Ok(put)
}

/// The deletion that these flags and arguments mean. Of a range, it hesitates first.
pub(crate) fn delete_of(flags: &Parsed) -> Result<Delete, Failure> {
    let ([key] | [key, _]) = &flags.arguments[..] else {
        return Err(Failure::arguments(
            "del command needs one argument as key and an optional argument as range_end",
        ));
    };
    if flags.bool("prefix") && flags.bool("from-key") {
        return Err(both("--prefix", "--from-key"));
    }
    let keys = keys_of(flags, key)?;
    if let Some(end) = flags.arguments.get(1)
        && !flags.bool("range")
    {
        eprintln!(
            "Warning: Keys between {} and {} will be deleted. Please interrupt the command within \
             next {} seconds to cancel. You can provide `--range` flag to avoid the delay.",
            quote(key),
            quote(end),
            HESITATION.as_secs()
        );
        thread::sleep(HESITATION);
    }
    let delete = Delete::new(keys);
    Ok(if flags.bool("prev-kv") { delete.with_previous() } else { delete })
}

fn keys_of(flags: &Parsed, key: &[u8]) -> Result<Keys, Failure> {
    let key = key.to_vec();
    let end = flags.arguments.get(1);
    let open = flags.bool("prefix") || flags.bool("from-key");
    match end {
        Some(_) if open => Err(Failure::arguments(
            "too many arguments, only accept one argument when `--prefix` or `--from-key` is set",
        )),
        Some(end) => Ok(Keys::range(key, end.clone())),
        None if flags.bool("prefix") => Ok(Keys::prefix(key)),
        None if flags.bool("from-key") => Ok(Keys::from_key(key)),
        None => Ok(Keys::one(key)),
    }
}

fn both(a: &str, b: &str) -> Failure {
    let message = format!("`{a}` and `{b}` cannot be set at the same time, choose one");
    Failure::arguments(message)
}

/// The order asked for, if there is one. What is to be sorted is sorted upwards.
fn sorting(flags: &Parsed) -> Result<Option<(SortBy, Order)>, Failure> {
    let (by, order) = (flags.string("sort-by"), flags.string("order"));
    let order_read = match &*order.to_ascii_uppercase() {
        "ASCEND" | "" => Order::Ascending,
        "DESCEND" => Order::Descending,
        _ => return Err(Failure::feature(format!("bad sort order {order}"))),
    };
    let by_read = match &*by.to_ascii_uppercase() {
        "CREATE" => SortBy::Create,
        "KEY" | "" => SortBy::Key,
        "MODIFY" => SortBy::Mod,
        "VALUE" => SortBy::Value,
        "VERSION" => SortBy::Version,
        _ => return Err(Failure::feature(format!("bad sort target {by}"))),
    };
    let asked = !by.is_empty() || !order.is_empty();
    Ok(asked.then_some((by_read, order_read)))
}
