use crate::command::{Command, distance, find, unknown_command};
use crate::flags::{Flag, Kind, Parsed};

static SHARED: [Flag; 3] = [
    Flag::new("debug", Kind::Bool, "tell more"),
    Flag::new("hex", Kind::Bool, "in hexadecimal digits"),
    Flag::new("write-out", Kind::String, "how").short('w'),
];
static CLUSTER_FLAG: [Flag; 1] = [Flag::new("cluster", Kind::Bool, "all of them")];

const fn plain(name: &'static str) -> Command<Parsed> {
    Command::new(name, "", "Does it.", |_| Ok(()))
}

static LIST: [Command<Parsed>; 1] = [plain("list")];
static HEALTH: [Command<Parsed>; 1] = [plain("health")];
static COMMANDS: [Command<Parsed>; 9] = [
    plain("compaction"),
    plain("elect"),
    Command::group("endpoint", "", &[("Commands:", &HEALTH)]).shared(&CLUSTER_FLAG),
    plain("get"),
    Command::group("lease", "", &[("Commands:", &LIST)]),
    Command::later("lock"),
    Command::group("member", "", &[("Commands:", &LIST)]),
    plain("put"),
    plain("watch"),
];
static ROOT: Command<Parsed> =
    Command::group("etcdctl", "", &[("Commands:", &COMMANDS)]).shared(&SHARED);

fn words(text: &str) -> Vec<Vec<u8>> {
    text.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

/// The command that is found, and what is left for it.
fn found(text: &str) -> String {
    let (path, rest) = find(&ROOT, &words(text));
    let names: Vec<&str> = path.iter().skip(1).map(|command| command.name).collect();
    let rest: Vec<_> = rest.iter().map(|word| String::from_utf8_lossy(word)).collect();
    format!("{}: {}", names.join(" "), rest.join(" ")).trim().to_owned()
}

#[test]
fn a_command_is_found_between_flags() {
    assert_eq!(found("get k1"), "get: k1");
    assert_eq!(found("-w json get k1"), "get: -w json k1");
    assert_eq!(found("--hex get k1"), "get: --hex k1");
    assert_eq!(
        found("--write-out json lease --debug list"),
        "lease list: --write-out json --debug"
    );
    assert_eq!(found("--write-out=json member list x"), "member list: --write-out=json x");
    assert_eq!(found("endpoint --cluster health"), "endpoint health: --cluster");
    assert_eq!(found("get get"), "get: get");
}

#[test]
fn a_beginning_is_enough_if_there_is_but_one() {
    assert_eq!(found("ge k1"), "get: k1");
    assert_eq!(found("compact 7"), "compaction: 7");
    assert_eq!(found("mem l"), "member list:");
    assert_eq!(found("e"), ": e");
}

#[test]
fn what_follows_an_unknown_flag_is_taken_for_its_value() {
    assert_eq!(found("--bogus get k1"), ": --bogus get k1");
    assert_eq!(found("-- watch wk"), ": -- watch wk");
    assert_eq!(found("lease bogus"), "lease: bogus");
}

#[test]
fn an_unknown_command_is_told_what_it_is_near_to() {
    assert_eq!(
        unknown_command(&ROOT, b"bogus"),
        "unknown command \"bogus\" for \"etcdctl\"\nRun 'etcdctl --help' for usage."
    );
    assert_eq!(
        unknown_command(&ROOT, b"gut"),
        "unknown command \"gut\" for \"etcdctl\"\n\nDid you mean this?\n\tget\n\tput\n\n\
         Run 'etcdctl --help' for usage."
    );
    assert_eq!(distance("kitten", "sitting"), 3);
    assert_eq!(distance("", "abc"), 3);
}
