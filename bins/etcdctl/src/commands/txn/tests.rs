//! The language, against what etcd's own program makes of the same lines.

use client::{Compare, Delete, Get, Keys, Operation, Put, Relation, Txn};

use super::language::{compare, operation, words};
use super::read;
use crate::failure::{Exit, Failure};

fn read_txn(input: &str) -> Result<Txn, Failure> {
    read(&mut input.as_bytes(), &|_| Ok(()))
}

fn complaint<T: std::fmt::Debug>(outcome: Result<T, Failure>) -> String {
    let failure = outcome.unwrap_err();
    assert_eq!(failure.exit, Exit::InvalidInput);
    failure.message.expect("something is said")
}

#[test]
fn a_transaction_has_three_parts() {
    let txn = read_txn(
        "ver(\"k1\") > \"0\"\n\nput k1 v2\nget k1 --keys-only\n\ndel \"a b\" --prefix\n\nbehind",
    );
    let expected = Txn::new()
        .when([Compare::version("k1", Relation::Greater, 0)])
        .then([Put::new("k1", "v2").into(), Get::new("k1").keys_only().into()])
        .otherwise([Delete::new(Keys::prefix("a b")).into()]);
    assert_eq!(txn, Ok(expected));
    assert_eq!(read_txn("\n \r\n\t\n"), Ok(Txn::new()));
    for short in ["", "\n", "\n\n", "ver(\"k1\") > \"0\"", "\nput k1 v", "\n\nput k1 v\n"] {
        assert_eq!(complaint(read_txn(short)), "EOF", "{short:?}");
    }
}

#[test]
fn comparisons_are_understood() {
    let equal = Relation::Equal;
    for (line, expected) in [
        (r#"version("k") = "1""#, Compare::version("k", equal, 1)),
        (r#"c("k") != "2""#, Compare::create_revision("k", Relation::NotEqual, 2)),
        (r#"create("k") < "-2""#, Compare::create_revision("k", Relation::Less, -2)),
        (r#"m("k") > "+3""#, Compare::mod_revision("k", Relation::Greater, 3)),
        (r#"mod("k") = "03""#, Compare::mod_revision("k", equal, 3)),
        (r#"val("k\x31") = "a b\n""#, Compare::value("k1", equal, "a b\n")),
        (r#"value("k(1") = """#, Compare::value("k(1", equal, "")),
        ("val(`k`) = `v\\n`", Compare::value("k", equal, "v\\n")),
        (r#"lease("k") = "7f""#, Compare::lease("k", equal, 127)),
        ("ver( \"k\")   > \t \"0\"junk", Compare::version("k", Relation::Greater, 0)),
    ] {
        assert_eq!(compare(line.as_bytes()), Ok(expected), "{line}");
    }
}

#[test]
fn what_is_no_comparison_is_refused_as_by_etcd() {
    for (line, why) in [
        ("foo", "malformed comparison: foo"),
        (r#"foo("a") = "b""#, r#"malformed comparison: foo("a") = "b" (unknown target foo)"#),
        (r#"VER("a") = "1""#, r#"malformed comparison: VER("a") = "1" (unknown target VER)"#),
        (r#"ver ("a") = "1""#, r#"malformed comparison: ver ("a") = "1" (unknown target ver )"#),
        (r#"ver(a) > "0""#, r#"malformed comparison: ver(a) > "0"; got ver("")  """#),
        (r#"ver("a")>"0""#, r#"malformed comparison: ver("a")>"0"; got ver("a")  """#),
        (r#"ver("a" ) > "0""#, r#"malformed comparison: ver("a" ) > "0"; got ver("a")  """#),
        (r#"ver("a") > 0"#, r#"malformed comparison: ver("a") > 0; got ver("a") > """#),
        ("ver('a') > '0'", "malformed comparison: ver('a') > '0'; got ver(\"\")  \"\""),
        (r#"ver("a") = "x""#, r#"invalid txn compare request: ver("a") = "x""#),
        (r#"c("a") = "1_0""#, r#"invalid txn compare request: c("a") = "1_0""#),
        (r#"c("a") = """#, r#"invalid txn compare request: c("a") = """#),
        (r#"ver("a") >= "1""#, r#"invalid txn compare request: ver("a") >= "1""#),
    ] {
        assert_eq!(complaint(compare(line.as_bytes())), why);
    }
}

#[test]
fn operations_are_commands() {
    let read = |line: &str| operation(line.as_bytes());
    let expect = |line: &str, expected: Operation| assert_eq!(read(line), Ok(expected), "{line}");
    expect("put k1 -- -v", Put::new("k1", "-v").into());
    expect("put\tk1 \"x\\ny\" --prev-kv", Put::new("k1", "x\ny").with_previous().into());
    expect("put k1 --ignore-value", Put::touch("k1").into());
    expect("put k1 v --lease=1f", Put::new("k1", "v").lease(31).into());
    expect("get a b c", Get::new(Keys::range("a", "b")).into());
    expect("get --from-key a --limit=2", Get::new(Keys::from_key("a")).limit(2).into());
    expect("del a --prev-kv", Delete::new("a").with_previous().into());
    expect("\"get\" k1", Get::new("k1").into());

    assert_eq!(complaint(read("foo")), "invalid txn compare request: foo");
    assert_eq!(complaint(read("put")), "invalid txn compare request: put");
    assert_eq!(complaint(read("GET k1")), "invalid txn request: GET k1");
    assert_eq!(
        complaint(read("get k1 --bogus")),
        "invalid txn request: get k1 --bogus (unknown flag: --bogus)"
    );
    assert_eq!(complaint(read("get \"a\\xzz\"")), "invalid syntax");
    assert_eq!(read("put k1").unwrap_err().exit, Exit::BadArguments);
    assert_eq!(read("get k1 --order x").unwrap_err().exit, Exit::BadFeature);
}

#[test]
fn words_are_split_as_by_etcd() {
    let split = |line: &str| -> Vec<String> {
        let words = words(line.as_bytes()).expect("the line is well written");
        words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    };
    assert_eq!(split("  a  b\tc "), ["a", "b", "c"]);
    assert_eq!(split(r#"put "a b" 'c d'"#), ["put", "a b", "c d"]);
    assert_eq!(split(r#""x\"y" 'x\ny'"#), ["x\"y", "x\\ny"]);
    assert_eq!(split(r#"a"b"c"#), ["a\"b\"c"]);
    assert_eq!(split(r"a\ b"), ["a\\", "b"]);
    assert_eq!(split(r#""k1"x 'k2'y"#), ["k1", "x", "k2", "y"]);
    assert_eq!(split("\"open"), ["open"]);
    assert_eq!(split("'w k"), ["w", "k"]);
    assert_eq!(split("\"\" ''"), ["", ""]);
}
