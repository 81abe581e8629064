use std::collections::BTreeSet;

use super::{Asked, Misuse, Remark, Settings, help, parse};
use crate::config::table::FLAGS;

fn settings(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Settings, Misuse> {
    let arguments = arguments.iter().map(|text| (*text).to_owned());
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    match parse(arguments, variables)? {
        Asked::Run(settings) => Ok(settings),
        other => panic!("asked for {other:?}"),
    }
}

fn refusal(arguments: &[&str], variables: &[(&str, &str)]) -> Misuse {
    settings(arguments, variables).expect_err("it is misused")
}

#[test]
fn flags_are_written_in_many_ways() {
    for arguments in [
        &["--name=a"][..],
        &["-name=a"],
        &["--name", "a"],
        &["-name", "a"],
        &["--name", "b", "--name", "a"],
        &["--name=a", "--"],
    ] {
        let settings = settings(arguments, &[]).expect("a valid command line");
        assert_eq!(settings.text("name"), "a", "{arguments:?}");
        assert!(settings.is_given("name") && !settings.is_given("data-dir"));
    }
    let gates = ["--feature-gates=LeaseCheckpoint=1", "--feature-gates=LeaseCheckpointPersist=1"];
    let gates = settings(&gates, &[]).expect("they are added up");
    let is_on = |name| gates.gates().is_on(name);
    assert!(is_on("LeaseCheckpoint") && is_on("LeaseCheckpointPersist"));
    let value = settings(&["--initial-cluster", "a=b"], &[]).expect("only the first = counts");
    assert_eq!(value.text("initial-cluster"), "a=b");
}

#[test]
fn switches_need_no_value() {
    assert!(settings(&["--pre-vote=true"], &[]).expect("valid").bool("pre-vote"));
    assert!(settings(&["--unsafe-no-fsync"], &[]).expect("valid").bool("unsafe-no-fsync"));
    assert!(!settings(&["-pre-vote=false"], &[]).expect("valid").bool("pre-vote"));
    // What follows a switch is not its value.
    assert_eq!(
        refusal(&["--pre-vote", "false"], &[]),
        Misuse::Refused("\"false\" is not a valid flag".to_owned())
    );
}

#[test]
fn go_would_complain_in_these_words() {
    for (arguments, text) in [
        (&["--nonsense"][..], "flag provided but not defined: -nonsense"),
        (&["-x=1"], "flag provided but not defined: -x"),
        (
            &["--experimental-max-learners=2"],
            "flag provided but not defined: -experimental-max-learners",
        ),
        (&["--name"], "flag needs an argument: -name"),
        (&["---name=a"], "bad flag syntax: ---name=a"),
        (&["--=a"], "bad flag syntax: --=a"),
        (&["--max-txn-ops=x"], "invalid value \"x\" for flag -max-txn-ops: parse error"),
        (&["--max-txn-ops=-1"], "invalid value \"-1\" for flag -max-txn-ops: parse error"),
        (&["--pre-vote=maybe"], "invalid boolean value \"maybe\" for -pre-vote: parse error"),
        (
            &["--feature-gates=Nonsense=true"],
            "invalid value \"Nonsense=true\" for flag -feature-gates: unrecognized feature gate: \
             Nonsense",
        ),
        (
            &["--initial-cluster-state=old"],
            "invalid value \"old\" for flag -initial-cluster-state: invalid value",
        ),
    ] {
        assert_eq!(refusal(arguments, &[]), Misuse::Syntax(text.to_owned()));
    }
    assert_eq!(refusal(&["run"], &[]), Misuse::Refused("\"run\" is not a valid flag".to_owned()));
}

#[test]
fn variables_stand_in_for_flags() {
    let variables = [
        ("ETCD_MAX_TXN_OPS", "7"),
        ("ETCD_DATA_DIR", ""),
        ("ETCD_VERSION", "v3"),
        ("ETCD_NONSENSE", "1"),
        ("PATH", "/bin"),
    ];
    let settings = settings(&["--name=from-flag"], &variables).expect("valid");
    assert_eq!(settings.text("name"), "from-flag");
    assert_eq!(settings.uint("max-txn-ops"), 7);
    assert!(!settings.is_given("data-dir"), "an empty variable sets nothing");
    let owned = |text: &str| text.to_owned();
    assert_eq!(
        settings.remarks,
        [
            Remark::SpecialVariable { name: owned("ETCD_VERSION"), value: owned("v3") },
            Remark::UsedVariable { name: owned("ETCD_MAX_TXN_OPS"), value: owned("7") },
            Remark::UnknownVariable(owned("ETCD_NONSENSE=1")),
        ]
    );
    for value in ["other", ""] {
        let variables = [("ETCD_MAX_TXN_OPS", "x"), ("ETCD_NAME", value)];
        let shadowed = refusal(&["--name=from-flag"], &variables);
        assert_eq!(shadowed, Misuse::Shadowed(owned("ETCD_NAME")));
    }
    assert_eq!(
        refusal(&[], &[("ETCD_MAX_TXN_OPS", "x")]),
        Misuse::Refused("invalid value \"x\" for ETCD_MAX_TXN_OPS: parse error".to_owned())
    );
}

#[test]
fn an_empty_list_of_urls_changes_nothing() {
    let peers = |arguments: &[&str]| {
        let settings = settings(arguments, &[]).expect("valid");
        assert!(settings.is_given("listen-peer-urls"));
        settings.urls("listen-peer-urls").to_string()
    };
    assert_eq!(peers(&["--listen-peer-urls="]), "http://localhost:2380");
    assert_eq!(
        peers(&["--listen-peer-urls=http://127.0.0.1:1", "--listen-peer-urls", ""]),
        "http://127.0.0.1:1"
    );
}

#[test]
fn what_is_not_ours_is_refused_unless_it_asks_for_nothing() {
    assert!(settings(&["--auto-compaction-retention=0", "--cors=*"], &[]).is_ok());
    assert_eq!(
        refusal(&["--discovery-cert=x.pem"], &[]),
        Misuse::Refused("--discovery-cert is not supported by this version of etcdd".to_owned())
    );
    assert_eq!(
        refusal(&[], &[("ETCD_DISCOVERY_CERT", "x.pem")]),
        Misuse::Refused("ETCD_DISCOVERY_CERT is not supported by this version of etcdd".to_owned())
    );
    for (arguments, variables, asked) in [
        (&["--feature-gates=CompactHashCheck=true"][..], &[][..], "--feature-gates"),
        (&[], &[("ETCD_FEATURE_GATES", "CompactHashCheck=true")], "ETCD_FEATURE_GATES"),
    ] {
        assert_eq!(
            refusal(arguments, variables),
            Misuse::Refused(format!(
                "{asked}=CompactHashCheck=true is not supported by this version of etcdd"
            ))
        );
    }
    let ignored =
        settings(&["--force=x", "--force", "--name=a"], &[]).expect("etcd ignores it too");
    assert_eq!(ignored.remarks, [1, 2].map(|_| Remark::IgnoredFlag("force".to_owned())));
    assert_eq!(ignored.text("name"), "a");
}

#[test]
fn the_table_is_sound() {
    let names: Vec<&str> = FLAGS.iter().map(|flag| flag.name).collect();
    assert!(names.is_sorted(), "flags are found by binary search");
    assert_eq!(BTreeSet::from_iter(&names).len(), names.len());
    for flag in &FLAGS {
        let may_be_empty = flag.default.is_empty();
        assert!(may_be_empty || flag.kind.parse(flag.default).is_ok(), "{}", flag.name);
        assert!(help().contains(&format!("  --{} '{}'", flag.name, flag.default)));
    }
    let read = |argument: &str| parse([argument.to_owned()], []);
    assert!(matches!(read("--help"), Ok(Asked::Help)));
    assert!(matches!(read("-h"), Ok(Asked::Help)));
    assert!(matches!(read("--version"), Ok(Asked::Version)));
}
