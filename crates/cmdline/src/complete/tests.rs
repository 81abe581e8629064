use crate::command::Command;
use crate::complete::{candidates, script};
use crate::flags::{Flag, Kind, Parsed};

static FLAGS: [Flag; 2] =
    [Flag::new("output", Kind::String, "where to"), Flag::new("open", Kind::Bool, "or not")];
static SHARED: [Flag; 1] = [Flag::new("debug", Kind::Bool, "tell more")];
static INNER: [Command<Parsed>; 1] = [Command::new("list", "", "Lists.", |_| Ok(()))];
static CHILDREN: [Command<Parsed>; 4] = [
    Command::new("make", "<what>", "Makes it.", |_| Ok(())).flags(&FLAGS),
    Command::group("member", "Members.", &[("Commands:", &INNER)]),
    Command::later("mirror"),
    Command::help(),
];
static ROOT: Command<Parsed> =
    Command::group("tool", "A tool.", &[("Commands:", &CHILDREN)]).shared(&SHARED);

/// What is offered for the last word.
fn offered(line: &str) -> Vec<String> {
    let mut words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    if let Some(last) = words.last_mut() {
        last.insert(0, b'=');
    }
    candidates(&ROOT, &words).lines().map(str::to_owned).collect()
}

#[test]
fn commands_are_offered_where_they_may_stand() {
    assert_eq!(offered(""), ["help", "make", "member"]);
    assert_eq!(offered("me"), ["member"]);
    assert_eq!(offered("member "), ["list"]);
    assert_eq!(offered("--debug member li"), ["list"]);
    assert_eq!(offered("make "), [""; 0]);
    assert_eq!(offered("nothing "), [""; 0]);
}

#[test]
fn flags_are_offered_behind_a_dash() {
    assert_eq!(offered("make --o"), ["--open", "--output"]);
    assert_eq!(offered("make -"), ["--debug", "--help", "--open", "--output"]);
    assert_eq!(offered("member list --d"), ["--debug"]);
}

#[test]
fn each_shell_has_a_script() {
    for shell in ["bash", "fish", "powershell", "zsh"] {
        let script = script("tool", &[shell.into()]).expect("there is one");
        assert!(script.contains("tool") && !script.contains("NAME"), "{script}");
    }
    for wrong in [&[][..], &["tcsh".into()], &["bash".into(), "zsh".into()]] {
        script("tool", wrong).expect_err("there is none");
    }
}
