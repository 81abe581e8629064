//! The table of all commands.

use cmdline::complete;
use cmdline::flags::{Flag, Kind, Parsed};

use crate::{convert, own};

type Command = cmdline::command::Command<Parsed>;

/// The program itself.
pub(crate) static ROOT: Command =
    Command::group("etcdutl", "Works on data directories that no server uses.", &GROUPS)
        .shared(&FLAGS);

static FLAGS: [Flag; 2] = [
    Flag::new(
        "timeout",
        Kind::Duration,
        "how long to wait for a directory that is in use; 0 for ever",
    )
    .default("10s"),
    Flag::new("write-out", Kind::String, "fields, json, protobuf, simple or table")
        .short('w')
        .default("simple"),
];

static GROUPS: [(&str, &[Command]); 2] = [("Data directories:", &DATA), ("This program:", &OWN)];

static DATA: [Command; 5] = [
    Command::new(
        "convert",
        "",
        "Makes a data directory of another engine or raft log out of one that is left as it is.",
        convert::convert,
    )
    .flags(&convert::FLAGS),
    Command::later("defrag"),
    Command::later("hashkv"),
    Command::later("migrate"),
    Command::later("snapshot"),
];

static OWN: [Command; 4] = [
    complete::command(own::completion),
    Command::help(),
    Command::new("options", "", "Shows the flags that all commands have.", own::options),
    Command::new("version", "", "Tells which release this is.", own::version),
];
