//! What is to be watched: by arguments, by variables, by lines.

use std::env;
use std::os::unix::ffi::OsStringExt;

use client::{Keys, Watch};

use crate::commands::txn::words;
use crate::failure::Failure;
use crate::flags::{FlagError, Parsed};
use crate::go::quote;

use super::FLAGS;

/// What stands for arguments.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    pub(super) key: Vec<u8>,
    pub(super) range_end: Vec<u8>,
}

impl Variables {
    pub(super) fn read() -> Self {
        let read = |name| env::var_os(name).map(OsStringExt::into_vec).unwrap_or_default();
        Self { key: read("ETCDCTL_WATCH_KEY"), range_end: read("ETCDCTL_WATCH_RANGE_END") }
    }
}

/// What to watch, and the command to run for each event; none, if it is empty.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) watch: Watch,
    pub(super) command: Vec<Vec<u8>>,
}

impl Wanted {
    pub(super) fn of_arguments(flags: &Parsed, variables: &Variables) -> Result<Self, Failure> {
        let (arguments, command) = split(flags, variables)?;
        Ok(Self { watch: watch_of(flags, &arguments)?, command })
    }
}

/// A line that was typed.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// It means nothing; this is to be said about it.
    Invalid(String),
    Progress,
    Watch(Wanted),
}

impl Line {
    /// Some mistakes end the program, as in etcd's own.
    pub(super) fn read(line: &[u8], variables: &Variables) -> Result<Self, Failure> {
        let shown = String::from_utf8_lossy(line);
        let invalid = |why: &str| Ok(Self::Invalid(format!("Invalid command {shown} ({why})")));
        let Ok(words) = words(line) else { return invalid("invalid syntax") };
        let Some((name, rest)) = words.split_first() else {
            let complaint = format!("Invalid command: {shown} (watch and progress supported)");
            return Ok(Self::Invalid(complaint));
        };
        match &name[..] {
            b"progress" => return Ok(Self::Progress),
            b"watch" if rest.is_empty() && variables.key.is_empty() => {
                return invalid("command type or key is not provided");
            }
            b"watch" => {}
            _ => return invalid("only support watch"),
        }
        let flags = Parsed::new(&FLAGS).read(rest).map_err(|error| match error {
            FlagError::Help => Failure::arguments("pflag: help requested"),
            FlagError::Wrong(why) => Failure::arguments(why),
        })?;
        let (arguments, command) = split(&flags, variables)?;
        match watch_of(&flags, &arguments) {
            Ok(watch) => Ok(Self::Watch(Wanted { watch, command })),
            Err(failure) => invalid(&failure.message.unwrap_or_default()),
        }
    }
}

type Words = Vec<Vec<u8>>;

/// The key and the end of the range, if there is one; and the command behind `--`.
fn split(flags: &Parsed, variables: &Variables) -> Result<(Words, Words), Failure> {
    let Variables { key, range_end } = variables;
    if key.is_empty() && !range_end.is_empty() {
        let end = quote(range_end);
        return Err(Failure::arguments(format!(
            "ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END={end}"
        )));
    }
    let (arguments, command) = match flags.dash {
        Some(dash) => flags.arguments.split_at(dash),
        None => (&flags.arguments[..], &[][..]),
    };
    if flags.dash.is_some() && command.is_empty() {
        let why = "bad number of arguments (found separator --, but no commands)";
        return Err(Failure::arguments(why));
    }
    if !key.is_empty() {
        if !arguments.is_empty() {
            let why = "bad number of arguments (found conflicting environment key)";
            return Err(Failure::arguments(why));
        }
        let named = [key, range_end].into_iter().filter(|word| !word.is_empty()).cloned();
        return Ok((named.collect(), command.to_vec()));
    }
    if arguments.is_empty() && flags.dash.is_none() {
        return Err(Failure::arguments("bad number of arguments"));
    }
    Ok((arguments.to_vec(), command.to_vec()))
}

/// The watch that these flags and arguments mean.
fn watch_of(flags: &Parsed, arguments: &[Vec<u8>]) -> Result<Watch, Failure> {
    let prefix = flags.bool("prefix");
    let keys = match arguments {
        [] => return Err(Failure::arguments("bad number of arguments")),
        [_, _] if prefix => {
            return Err(Failure::arguments("`range_end` and `--prefix` are mutually exclusive"));
        }
        [key, end] => Keys::range(key.clone(), end.clone()),
        [key, ..] if prefix => Keys::prefix(key.clone()),
        [key, ..] => Keys::one(key.clone()),
    };
    let mut watch = Watch::new(keys).start_revision(flags.int("rev"));
    if flags.bool("prev-kv") {
        watch = watch.with_previous();
    }
    if flags.bool("progress-notify") {
        watch = watch.progress_notify();
    }
    Ok(watch)
}
