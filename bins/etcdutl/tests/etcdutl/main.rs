//! `etcdutl` as a process. That it converts is tested where there are members to convert:
//! `server`'s tests for every part, `integration` for a cluster under load.

use std::process::{Command, Output};

use tempfile::TempDir;

const ETCDUTL: &str = env!("CARGO_BIN_EXE_etcdutl");

/// Exit code, standard output and standard error.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    (status.code(), text(stdout), text(stderr))
}

fn ours(arguments: &[&str]) -> (Option<i32>, String, String) {
    run(Command::new(ETCDUTL).args(arguments))
}

#[test]
fn it_says_what_it_is() {
    let expected = "etcdutl version: 3.7.1\nAPI version: 3.7\n";
    assert_eq!(ours(&["version"]), (Some(0), expected.to_owned(), String::new()));
    for arguments in [&["--help"][..], &["help"], &[]] {
        let (code, help, _) = ours(arguments);
        assert!(code == Some(0) && help.contains("  convert "), "{help}");
        assert!(!help.contains("migrate"), "what is not there is not shown: {help}");
    }
    let (code, help, _) = ours(&["help", "convert"]);
    assert!(code == Some(0) && help.contains("--output-dir string"), "{help}");
    let (code, options, _) = ours(&["options"]);
    assert!(code == Some(0) && options.contains("-w, --write-out string"), "{options}");
}

#[test]
fn what_is_not_there_yet_fails() {
    for arguments in
        [&["defrag", "--data-dir=x"][..], &["hashkv", "x"], &["migrate"], &["snapshot", "restore"]]
    {
        let (code, out, err) = ours(arguments);
        assert!(code == Some(4) && out.is_empty(), "{arguments:?}: {code:?} {out}");
        assert!(err.ends_with("is not supported yet\n"), "{err}");
    }
    let (code, _, err) = ours(&["bogus"]);
    assert!(code == Some(1) && err.starts_with("Error: unknown command \"bogus\""), "{err}");
}

#[test]
fn what_is_asked_wrongly_is_told_and_nothing_is_made() {
    let folder = TempDir::new().expect("there is room for a folder");
    let (source, output) = (folder.path().join("source"), folder.path().join("output"));
    let data_dir = format!("--data-dir={}", source.display());
    let output_dir = format!("--output-dir={}", output.display());
    let flags = [data_dir.as_str(), output_dir.as_str()];
    let nothing = format!("Error: {} holds no data\n", source.display());
    for (more, code, expected) in [
        (&[][..], 1, nothing.as_str()),
        (&["extra"], 128, "Error: convert command takes no arguments, only flags\n"),
        (&["-w", "table"], 4, "Error: table not supported as output format\n"),
        (&["-w", "bogus"], 4, "Error: unsupported output format\n"),
        (&["--data-dir="], 1, "Error: required flag(s) \"data-dir\" not set\n"),
    ] {
        let arguments = [&["convert"], &flags[..], more].concat();
        assert_eq!(ours(&arguments), (Some(code), String::new(), expected.to_owned()));
        assert!(!output.exists(), "{arguments:?}");
    }
    let (_, _, err) = ours(&["convert"]);
    assert_eq!(err, "Error: required flag(s) \"data-dir\", \"output-dir\" not set\n");
}

#[test]
fn a_shell_completes_it() {
    let complete = |words: &str| {
        let script = format!(
            "source <('{ETCDUTL}' completion bash); COMP_WORDS=(etcdutl {words}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _etcdutl '{ETCDUTL}'; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let (code, out, err) = run(Command::new("bash").args(["-c", &script]));
        assert!(code == Some(0) && err.is_empty(), "{err}");
        out
    };
    assert_eq!(complete("conv"), "convert\n");
    assert_eq!(complete("''"), "completion\nconvert\nhelp\noptions\nversion\n");
    assert_eq!(complete("convert --data"), "--data-dir\n");
    assert_eq!(complete("convert --data-dir x --raft"), "--raft-log\n");
    let (code, _, err) = ours(&["completion", "tcsh"]);
    assert!(code == Some(128) && err.contains("bash, fish, powershell or zsh"), "{err}");
}
