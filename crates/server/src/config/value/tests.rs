use super::{Kind, Value};

#[test]
fn numbers_are_read_as_go_reads_them() {
    for (text, number) in [("0", 0), ("17", 17), ("+1", 1), ("0x10", 16), ("010", 8), ("0b11", 3)] {
        assert_eq!(Kind::Uint.parse(text), Ok(Value::Uint(number)), "{text}");
    }
    assert_eq!(Kind::Int.parse("-1"), Ok(Value::Int(-1)));
    for text in ["", "x", "1x", "0x", "1_000", " 1", "--1", "1.0"] {
        assert_eq!(Kind::Uint.parse(text), Err("parse error".to_owned()), "{text}");
    }
    for (kind, text) in [
        (Kind::Uint, "-1"),
        (Kind::Uint, "18446744073709551616"),
        (Kind::Uint32, "4294967296"),
        (Kind::Int, "9223372036854775808"),
        (Kind::Int, "999999999999999999999999999999999999999999"),
    ] {
        assert_eq!(kind.parse(text), Err("value out of range".to_owned()), "{text}");
    }
}

#[test]
fn durations_are_read_as_go_reads_them() {
    for (text, nanoseconds) in [
        ("0", 0),
        ("0s", 0),
        ("1h30m", 5_400_000_000_000),
        ("1.5s", 1_500_000_000),
        ("-10ms", -10_000_000),
        ("2h0m0s", 7_200_000_000_000),
        ("3us", 3_000),
        ("7ns", 7),
    ] {
        assert_eq!(Kind::Duration.parse(text), Ok(Value::Duration { nanoseconds }), "{text}");
    }
    for text in ["", "1", "s", "1x", "1s2", "..s", "1000000000h", "10 s"] {
        assert!(Kind::Duration.parse(text).is_err(), "{text}");
    }
}

#[test]
fn booleans_are_read_as_go_reads_them() {
    assert_eq!(Kind::Bool.parse("T"), Ok(Value::Bool(true)));
    assert_eq!(Kind::Bool.parse("0"), Ok(Value::Bool(false)));
    assert!(Kind::Bool.parse("yes").is_err());
}
