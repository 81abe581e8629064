use rustls::version::{TLS12, TLS13};

use super::{BadProtocol, ONLY_GOS, Protocol, SUITES};

fn of(min: &str, max: &str, suites: &[&str]) -> Result<Protocol, BadProtocol> {
    let suites: Vec<String> = suites.iter().map(|name| (*name).to_owned()).collect();
    Protocol::of(min, max, &suites)
}

#[test]
fn versions_are_between_the_limits() {
    let versions = |min, max| of(min, max, &[]).expect("they are fine").versions;
    assert_eq!(versions("TLS1.2", ""), [&TLS13, &TLS12]);
    assert_eq!(versions("", "TLS1.2"), [&TLS12]);
    assert_eq!(versions("TLS1.2", "TLS1.2"), [&TLS12]);
    assert_eq!(versions("TLS1.3", ""), [&TLS13]);
    assert_eq!(versions("", "TLS1.3"), [&TLS13, &TLS12]);
    let has_13 = |max| of("", max, &[]).expect("they are fine").has_13();
    assert_eq!((has_13("TLS1.2"), has_13("")), (false, true));
}

#[test]
fn suites_are_of_tls_1_2_in_the_order_they_are_named_in() {
    let names = ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];
    let protocol = of("TLS1.2", "", &names).expect("they are known");
    assert_eq!(protocol.suites(), [&format!("{}_SHA256", names[0]), names[1]]);
    let provider = protocol.provider();
    let chosen: Vec<String> =
        provider.cipher_suites.iter().map(|suite| format!("{:?}", suite.suite())).collect();
    assert_eq!(
        chosen,
        [
            "TLS13_AES_256_GCM_SHA384",
            "TLS13_AES_128_GCM_SHA256",
            "TLS13_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ]
    );
}

#[test]
fn what_cannot_be_is_said_in_etcds_words() {
    for (min, max, suites, words) in [
        ("x", "", &[][..], "unexpected TLS version \"x\" (must be one of: TLS1.2, TLS1.3)"),
        ("", "TLS1.1", &[], "unexpected TLS version \"TLS1.1\" (must be one of: TLS1.2, TLS1.3)"),
        ("TLS1.3", "TLS1.2", &[], "min version (TLS1.3) is greater than max version (TLS1.2)"),
        (
            "TLS1.3",
            "",
            &["TLS_AES_128_GCM_SHA256"],
            "cipher suites cannot be configured when only TLS1.3 is enabled",
        ),
        ("TLS1.2", "", &["NULL"], "unexpected TLS cipher suite \"NULL\""),
        (
            "TLS1.2",
            "",
            &["TLS_RSA_WITH_AES_128_CBC_SHA"],
            "TLS cipher suite \"TLS_RSA_WITH_AES_128_CBC_SHA\" is not supported by etcdd, which \
             has those with ECDHE and GCM or ChaCha20 only",
        ),
    ] {
        let error = of(min, max, suites).expect_err("it cannot be").to_string();
        assert_eq!(error, words, "{min} {max} {suites:?}");
    }
}

#[test]
fn no_suite_is_both_ours_and_not() {
    assert!(!SUITES.iter().any(|(name, _)| ONLY_GOS.contains(name)));
}
