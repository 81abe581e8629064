//! What is watched, against what etcd's own program makes of the same words.

use client::{Keys, Watch};

use super::FLAGS;
use super::arguments::{Line, Variables, Wanted};
use crate::failure::{Exit, Failure};
use crate::flags::Parsed;

fn wanted(words: &[&str], variables: &Variables) -> Result<Wanted, Failure> {
    let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let flags = Parsed::new(&FLAGS).read(&words).expect("the flags are well written");
    Wanted::of_arguments(&flags, variables)
}

fn line(line: &str) -> Result<Line, Failure> {
    Line::read(line.as_bytes(), &Variables::default())
}

fn watch(watch: Watch, command: &[&str]) -> Wanted {
    let command = command.iter().map(|word| word.as_bytes().to_vec()).collect();
    Wanted { watch, command }
}

fn variables(key: &str, range_end: &str) -> Variables {
    Variables { key: key.into(), range_end: range_end.into() }
}

#[test]
fn arguments_name_a_key_a_range_or_a_prefix() {
    let none = Variables::default();
    let expect = |words: &[&str], keys: Keys, command: &[&str]| {
        assert_eq!(wanted(words, &none), Ok(watch(Watch::new(keys), command)), "{words:?}");
    };
    expect(&["k"], Keys::one("k"), &[]);
    expect(&["k", "l"], Keys::range("k", "l"), &[]);
    expect(&["k", "--prefix"], Keys::prefix("k"), &[]);
    expect(&["k", "l", "m"], Keys::one("k"), &[]);
    expect(&["k", "--", "echo", "--", "-x"], Keys::one("k"), &["echo", "--", "-x"]);
    expect(&["--prefix", "", "--", "true"], Keys::all(), &["true"]);
    let words = ["k", "--rev=-1", "--prev-kv", "--progress-notify"];
    let expected = Watch::new("k").start_revision(-1).with_previous().progress_notify();
    assert_eq!(wanted(&words, &none), Ok(watch(expected, &[])));
}

#[test]
fn a_variable_stands_for_an_argument() {
    let key = variables("k", "");
    assert_eq!(wanted(&[], &key), Ok(watch(Watch::new("k"), &[])));
    let ranged = wanted(&["--", "true"], &variables("k", "l"));
    assert_eq!(ranged, Ok(watch(Watch::new(Keys::range("k", "l")), &["true"])));
    assert_eq!(
        Line::read(b"watch --prefix", &key),
        Ok(Line::Watch(watch(Watch::new(Keys::prefix("k")), &[])))
    );
}

#[test]
fn wrong_arguments_are_refused_as_by_etcd() {
    let refused = |words: &[&str], variables: &Variables| {
        let failure = wanted(words, variables).unwrap_err();
        assert_eq!(failure.exit, Exit::BadArguments);
        failure.message.expect("something is said")
    };
    let none = Variables::default();
    assert_eq!(refused(&[], &none), "bad number of arguments");
    assert_eq!(refused(&["--", "echo"], &none), "bad number of arguments");
    assert_eq!(
        refused(&["k", "--"], &none),
        "bad number of arguments (found separator --, but no commands)"
    );
    assert_eq!(
        refused(&["k", "l", "--prefix"], &none),
        "`range_end` and `--prefix` are mutually exclusive"
    );
    assert_eq!(
        refused(&["k"], &variables("l", "")),
        "bad number of arguments (found conflicting environment key)"
    );
    assert_eq!(
        refused(&["k"], &variables("", "l")),
        "ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END=\"l\""
    );
}

#[test]
fn lines_are_watches_or_ask_for_progress() {
    assert_eq!(line("progress"), Ok(Line::Progress));
    assert_eq!(line(" progress x"), Ok(Line::Progress));
    assert_eq!(line(" watch  'w k' "), Ok(Line::Watch(watch(Watch::new("w k"), &[]))));
    assert_eq!(
        line(r#"watch --prefix w -- echo hi "a b""#),
        Ok(Line::Watch(watch(Watch::new(Keys::prefix("w")), &["echo", "hi", "a b"])))
    );
}

#[test]
fn lines_that_mean_nothing_are_told_so() {
    for (text, why) in [
        ("", "Invalid command:  (watch and progress supported)"),
        ("   ", "Invalid command:     (watch and progress supported)"),
        ("foo", "Invalid command foo (only support watch)"),
        ("PROGRESS", "Invalid command PROGRESS (only support watch)"),
        ("watch", "Invalid command watch (command type or key is not provided)"),
        ("watch -- echo", "Invalid command watch -- echo (bad number of arguments)"),
        (
            "watch a b --prefix",
            "Invalid command watch a b --prefix (`range_end` and `--prefix` are mutually \
             exclusive)",
        ),
    ] {
        assert_eq!(line(text), Ok(Line::Invalid(why.to_owned())), "{text:?}");
    }
}

#[test]
fn some_lines_end_the_program() {
    let fatal = |text: &str| {
        let failure = line(text).unwrap_err();
        assert_eq!(failure.exit, Exit::BadArguments);
        failure.message.expect("something is said")
    };
    assert_eq!(fatal("watch a --bogus"), "unknown flag: --bogus");
    assert_eq!(fatal("watch a -w json"), "unknown shorthand flag: 'w' in -w");
    assert_eq!(fatal("watch a -h"), "pflag: help requested");
    assert_eq!(fatal("watch --prefix"), "bad number of arguments");
    assert_eq!(
        fatal("watch a --"),
        "bad number of arguments (found separator --, but no commands)"
    );
}
