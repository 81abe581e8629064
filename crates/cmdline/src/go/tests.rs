//! What Go says, taken from programs that were run.

use std::time::Duration;

use super::{
    Base, format_duration, format_size, hex16, parse_bool, parse_duration, parse_int, parse_uint,
    quote, quote_each, unquote,
};

#[test]
fn strings_are_quoted_as_by_go() {
    let value = "\0\x07\x7fé\u{2028}😀\u{301}\u{200b}\u{fffd}\u{ad}\u{a0}\"\\'\n\t\x0b\x0c\r\x08";
    let mut bytes = value.as_bytes().to_vec();
    bytes.push(0xff);
    assert_eq!(
        quote(&bytes),
        "\"\\x00\\a\\x7fé\\u2028😀\u{301}\\u200b\u{fffd}\\u00ad\\u00a0\\\"\\\\'\\n\\t\\v\\f\\r\\b\
         \\xff\""
    );
    assert_eq!(quote("\u{e0001}".as_bytes()), r#""\U000e0001""#);
    assert_eq!(
        quote_each(&[b"sh".to_vec(), b"-c".to_vec(), b"exit 3".to_vec()]),
        r#"["sh" "-c" "exit 3"]"#
    );
}

#[test]
fn what_is_quoted_is_unquoted_again() {
    let all: Vec<u8> = (0..=255).collect();
    for value in [&b""[..], b"k1", &all, "é\u{e0001}\"`'".as_bytes()] {
        let quoted = quote(value);
        let text = format!("{quoted} behind");
        assert_eq!(unquote(text.as_bytes()), Some((value.to_vec(), &b" behind"[..])), "{quoted}");
    }
    assert_eq!(unquote(br#""\101\x41\u0041\U00000041""#), Some((b"AAAA".to_vec(), &b""[..])));
    assert_eq!(unquote(b"`a\\n`b"), Some((b"a\\n".to_vec(), &b"b"[..])));
    for bad in [r#""open"#, r#""\q""#, r#""\x4""#, r#""\400""#, r#""\ud800""#, "plain", "'k'", ""] {
        assert_eq!(unquote(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn numbers_are_read_as_by_go() {
    let int = |text| parse_int(text, Base::AsWritten).map_err(|error| error.to_string());
    assert_eq!(int("-5"), Ok(-5));
    assert_eq!(int("+7"), Ok(7));
    assert_eq!(int("0x1F"), Ok(31));
    assert_eq!(int("0b11"), Ok(3));
    assert_eq!(int("017"), Ok(15));
    assert_eq!(int("1_0"), Ok(10));
    assert_eq!(int("0x_f"), Ok(15));
    assert_eq!(int("-9223372036854775808"), Ok(i64::MIN));
    let syntax = |text: &str| Err(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"));
    for bad in ["", "x", " 1", "-", "-5x", "_1", "1_", "1__0", "0x", "08"] {
        assert_eq!(int(bad), syntax(bad));
    }
    assert_eq!(
        int("99999999999999999999"),
        Err("strconv.ParseInt: parsing \"99999999999999999999\": value out of range".to_owned())
    );
    assert_eq!(parse_int("0x12", Base::Sixteen).map_err(|e| e.to_string()), syntax("0x12"));
    assert_eq!(parse_int("-1", Base::Sixteen), Ok(-1));
    assert_eq!(parse_int("7f", Base::Sixteen), Ok(127));
    assert_eq!(parse_int("01", Base::Ten), Ok(1));
    assert!(parse_int("1_0", Base::Ten).is_err());
    assert_eq!(parse_uint("ffffffffffffffff", Base::Sixteen), Ok(u64::MAX));
    assert_eq!(
        parse_uint("-1", Base::Sixteen).map_err(|error| error.to_string()),
        Err("strconv.ParseUint: parsing \"-1\": invalid syntax".to_owned())
    );
    assert_eq!((parse_bool("T"), parse_bool("0")), (Ok(true), Ok(false)));
    assert_eq!(
        parse_bool("maybe").map_err(|error| error.to_string()),
        Err("strconv.ParseBool: parsing \"maybe\": invalid syntax".to_owned())
    );
    assert_eq!((hex16(0xabcd), hex16(-1)), ("000000000000abcd".into(), "-000000000000001".into()));
}

#[test]
fn durations_are_read_and_written_as_by_go() {
    let written = |nanos| format_duration(Duration::from_nanos(nanos));
    assert_eq!(written(0), "0s");
    assert_eq!(written(999), "999ns");
    assert_eq!(written(1_500), "1.5µs");
    assert_eq!(written(3_212_464), "3.212464ms");
    assert_eq!(written(36_729_160), "36.72916ms");
    assert_eq!(written(1_004_149_833), "1.004149833s");
    assert_eq!(written(60_000_000_000), "1m0s");
    assert_eq!(written(3_661_500_000_000), "1h1m1.5s");

    assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
    assert_eq!(parse_duration("1h5m"), Ok(Duration::from_secs(3_900)));
    assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1_500)));
    assert_eq!(parse_duration("2us3µs"), Ok(Duration::from_micros(5)));
    assert_eq!(parse_duration("-1s"), Ok(Duration::ZERO));
    let error = |text| parse_duration(text).unwrap_err();
    assert_eq!(error("5"), "time: missing unit in duration \"5\"");
    assert_eq!(error("5y"), "time: unknown unit \"y\" in duration \"5y\"");
    assert_eq!(error(""), "time: invalid duration \"\"");
    assert_eq!(error("x"), "time: invalid duration \"x\"");
    assert_eq!(error(".s"), "time: invalid duration \".s\"");
}

#[test]
fn sizes_are_written_as_in_etcds_tables() {
    assert_eq!(format_size(0), "0 B");
    assert_eq!(format_size(9), "9 B");
    assert_eq!(format_size(20), "20 B");
    assert_eq!(format_size(20_480), "20 kB");
    assert_eq!(format_size(24_576), "25 kB");
    assert_eq!(format_size(2_147_483_648), "2.1 GB");
    assert_eq!(format_size(82_854_982), "83 MB");
    assert_eq!(format_size(u64::MAX), "18 EB");
}
