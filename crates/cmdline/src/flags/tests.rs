use super::{Flag, FlagError, Kind, Parsed};

static FLAGS: [Flag; 6] = [
    Flag::new("prefix", Kind::Bool, ""),
    Flag::new("interactive", Kind::Bool, "").short('i'),
    Flag::new("limit", Kind::Int, ""),
    Flag::new("write-out", Kind::String, "").short('w').default("simple"),
    Flag::new("endpoints", Kind::Strings, "").default("127.0.0.1:2379"),
    Flag::new("command-timeout", Kind::Duration, "").default("5s"),
];

fn read(arguments: &[&str]) -> Result<Parsed, FlagError> {
    let arguments: Vec<Vec<u8>> = arguments.iter().map(|text| text.as_bytes().to_vec()).collect();
    Parsed::new(&FLAGS).read(&arguments)
}

fn ok(arguments: &[&str]) -> Parsed {
    read(arguments).unwrap_or_else(|error| panic!("{arguments:?}: {error:?}"))
}

#[test]
fn flags_stand_in_front_of_arguments_and_behind_them() {
    let parsed = ok(&["--prefix", "k", "--limit", "5", "-w", "json", "end"]);
    assert!(parsed.bool("prefix"));
    assert_eq!((parsed.int("limit"), parsed.string("write-out")), (5, "json"));
    assert_eq!(parsed.arguments, [b"k".to_vec(), b"end".to_vec()]);
    assert_eq!(parsed.dash, None);
}

#[test]
fn values_follow_in_every_way() {
    for arguments in [
        &["-w", "json"][..],
        &["-wjson"],
        &["-w=json"],
        &["-iwjson"],
        &["--write-out", "json"],
        &["--write-out=json"],
    ] {
        assert_eq!(ok(arguments).string("write-out"), "json", "{arguments:?}");
    }
    assert_eq!(ok(&["--limit", "-5"]).int("limit"), -5);
    assert_eq!(ok(&["--limit=0x10"]).int("limit"), 16);
    assert!(!ok(&["--prefix=false"]).bool("prefix"));
    assert!(!ok(&["-i=0"]).bool("interactive"));
    // A bool takes no value that stands apart.
    assert_eq!(ok(&["--prefix", "false"]).arguments, [b"false".to_vec()]);
    assert_eq!(ok(&["--write-out="]).string("write-out"), "");
}

#[test]
fn nothing_behind_two_dashes_is_a_flag() {
    let parsed = ok(&["k", "--", "--prefix", "--", "-w"]);
    assert!(!parsed.bool("prefix"));
    assert_eq!(parsed.dash, Some(1));
    assert_eq!(parsed.arguments, [&b"k"[..], b"--prefix", b"--", b"-w"]);
    assert_eq!(ok(&["-"]).arguments, [b"-".to_vec()]);
}

#[test]
fn a_list_replaces_the_default_and_grows() {
    assert_eq!(ok(&[]).strings("endpoints"), ["127.0.0.1:2379"]);
    assert_eq!(ok(&["--endpoints=a,b", "--endpoints", "c"]).strings("endpoints"), ["a", "b", "c"]);
    assert_eq!(ok(&["--endpoints="]).strings("endpoints"), [""; 0]);
    assert_eq!(ok(&["--endpoints", ","]).strings("endpoints"), ["", ""]);
    assert_eq!(ok(&["--endpoints", "\"a,\"\"b\",c"]).strings("endpoints"), ["a,\"b", "c"]);
}

#[test]
fn what_was_set_is_known() {
    assert!(!ok(&[]).given("write-out"));
    assert!(ok(&["-w", "simple"]).given("write-out"));
    assert_eq!(ok(&[]).value("command-timeout").to_string(), "5s");
    assert_eq!(ok(&["--command-timeout=1m"]).value("command-timeout").to_string(), "1m0s");
}

#[test]
fn mistakes_read_as_those_of_pflag() {
    let wrong = |arguments: &[&str]| match read(arguments) {
        Err(FlagError::Wrong(what)) => what,
        other => panic!("{arguments:?}: {other:?}"),
    };
    assert_eq!(wrong(&["--bogus"]), "unknown flag: --bogus");
    assert_eq!(wrong(&["--lim", "5"]), "unknown flag: --lim");
    assert_eq!(wrong(&["-x"]), "unknown shorthand flag: 'x' in -x");
    assert_eq!(wrong(&["-ix"]), "unknown shorthand flag: 'x' in -ix");
    assert_eq!(wrong(&["--limit"]), "flag needs an argument: --limit");
    assert_eq!(wrong(&["-w"]), "flag needs an argument: 'w' in -w");
    assert_eq!(wrong(&["---"]), "bad flag syntax: ---");
    assert_eq!(wrong(&["--=x"]), "bad flag syntax: --=x");
    assert_eq!(
        wrong(&["--limit", "x"]),
        "invalid argument \"x\" for \"--limit\" flag: strconv.ParseInt: parsing \"x\": invalid \
         syntax"
    );
    assert_eq!(
        wrong(&["-i=maybe"]),
        "invalid argument \"maybe\" for \"-i, --interactive\" flag: strconv.ParseBool: parsing \
         \"maybe\": invalid syntax"
    );
    assert_eq!(
        wrong(&["--command-timeout", "5"]),
        "invalid argument \"5\" for \"--command-timeout\" flag: time: missing unit in duration \
         \"5\""
    );
    assert_eq!(read(&["-h"]), Err(FlagError::Help));
    assert_eq!(read(&["k", "--help"]), Err(FlagError::Help));
}
