use super::{Kind, Value};

#[test]
fn numbers_are_read_as_go_reads_them() {
    for (text, number) in [
        ("0", 0),
        ("17", 17),
        ("0x10", 16),
        ("010", 8),
        ("0b11", 3),
        ("1_000", 1_000),
        ("0x_1_0", 16),
        ("0_10", 8),
    ] {
        assert_eq!(Kind::Uint.parse(text), Ok(Value::Uint(number)), "{text}");
    }
    assert_eq!(Kind::Int.parse("-1"), Ok(Value::Int(-1)));
    assert_eq!(Kind::Int.parse("+1"), Ok(Value::Int(1)));
    for text in
        ["", "x", "1x", "0x", "_1", "1_", "1__0", "0x_", " 1", "-1", "+1", "--1", "1.0", "1e3"]
    {
        assert_eq!(Kind::Uint.parse(text), Err("parse error".to_owned()), "{text}");
    }
    for (text, why) in [("4294967296", "value out of range"), ("-1", "invalid syntax")] {
        let words = format!("strconv.ParseUint: parsing {text:?}: {why}");
        assert_eq!(Kind::Uint32.parse(text), Err(words));
    }
    for (kind, text) in [
        (Kind::Uint, "18446744073709551616"),
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
