use std::time::Duration;

use crate::failure::{Exit, Failure};
use crate::flags::Parsed;
use crate::global::{FLAGS, Settings};
use crate::print::Format;

fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Settings, Failure> {
    let arguments: Vec<Vec<u8>> = arguments.iter().map(|text| text.as_bytes().to_vec()).collect();
    let flags = Parsed::new(&FLAGS).read(&arguments).expect("the flags are well written");
    let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    Settings::read(&flags, variables)
}

#[test]
fn without_anything_there_are_etcds_defaults() {
    let settings = read(&[], &[]).unwrap();
    assert_eq!(settings.endpoints, ["127.0.0.1:2379"]);
    assert_eq!(settings.command_timeout, Duration::from_secs(5));
    assert_eq!(settings.dial_timeout, Duration::from_secs(2));
    assert_eq!(settings.keep_alive_timeout, Duration::from_secs(6));
    assert_eq!((settings.format, settings.hex), (Format::Simple, false));
    assert_eq!((settings.receive_bytes_max, settings.send_bytes_max), (2_147_483_647, 2_097_152));
    assert_eq!(settings.remarks, [""; 0]);
}

#[test]
fn a_variable_says_what_no_flag_says() {
    let variables = [
        ("ETCDCTL_ENDPOINTS", "a,b"),
        ("ETCDCTL_COMMAND_TIMEOUT", "1m"),
        ("ETCDCTL_HEX", ""),
        ("ETCD_NAME", "x"),
        ("ETCDCTL_WATCH_KEY", "k"),
    ];
    let settings = read(&["--write-out=fields"], &variables).unwrap();
    assert_eq!(settings.endpoints, ["a", "b"]);
    assert_eq!(settings.format, Format::Fields);
    assert_eq!(settings.command_timeout, Duration::from_secs(60));
    assert_eq!(settings.remarks, [""; 0]);
}

#[test]
fn a_variable_that_means_nothing_is_remarked() {
    let settings = read(&[], &[("ETCDCTL_FOO", "1"), ("ETCDCTL_HEX", "zz")]).unwrap();
    assert_eq!(
        settings.remarks,
        [
            "{\"level\":\"warn\",\"msg\":\"unrecognized environment variable\",\
             \"environment-variable\":\"ETCDCTL_FOO=1\"}",
            "Warning: ETCDCTL_HEX is ignored: strconv.ParseBool: parsing \"zz\": invalid syntax",
        ]
    );
    assert!(!settings.hex);
}

#[test]
fn a_variable_beside_its_flag_is_refused() {
    for value in ["a", "b", ""] {
        let variables = [("ETCDCTL_FOO", "1"), ("ETCDCTL_ENDPOINTS", value)];
        let failure = read(&["--endpoints=a"], &variables).unwrap_err();
        assert_eq!((failure.exit, failure.message), (Exit::Error, None));
        let lines = failure.logged.unwrap();
        let (first, last) = lines.split_once('\n').unwrap();
        assert!(first.contains("\"ETCDCTL_FOO=1\""), "{first}");
        assert_eq!(
            last,
            r#"{"level":"fatal","msg":"conflicting environment variable is shadowed by "#
                .to_owned()
                + "corresponding command-line flag (either unset environment variable or disable "
                + r#"flag))","environment-variable":"ETCDCTL_ENDPOINTS"}"#
        );
    }
}

#[test]
fn what_is_not_there_yet_is_refused() {
    let failure = |arguments: &[&str]| read(arguments, &[]).unwrap_err();
    for flag in [
        "--user=root",
        "--password=x",
        "--auth-jwt-token=x",
        "--discovery-srv=example.com",
        "-w=xml",
    ] {
        assert_eq!(failure(&[flag]).exit, Exit::BadFeature, "{flag}");
    }
    let message = "authentication is not supported yet, so --user cannot be used";
    assert_eq!(failure(&["--user=root:x"]).message.as_deref(), Some(message));
    for flag in ["--cert=", "--key=", "--cacert="] {
        assert_eq!(failure(&[flag]).exit, Exit::BadArguments, "{flag}");
    }
    assert!(read(&["--insecure-transport", "--insecure-discovery=false"], &[]).is_ok());
}

#[test]
fn connections_are_secured_if_anything_speaks_for_it() {
    let tls = |arguments: &[&str]| read(arguments, &[]).unwrap().tls;
    assert_eq!(tls(&[]), None);
    assert_eq!(tls(&["--endpoints=https://a:1"]), None, "the endpoint says it itself");
    let usual = tls::Settings::default();
    assert_eq!(tls(&["--insecure-transport=false"]), Some(usual.clone()));
    let trusted = Some("ca.pem".into());
    assert_eq!(tls(&["--cacert=ca.pem"]), Some(tls::Settings { trusted, ..usual.clone() }));
    let anybody = tls::Settings { trusts_any_server: true, ..usual.clone() };
    assert_eq!(tls(&["--insecure-skip-tls-verify"]), Some(anybody));
    let own = tls::Pair::of("c.pem", "k.pem").unwrap();
    let variables = [("ETCDCTL_CERT", "c.pem"), ("ETCDCTL_KEY", "k.pem")];
    assert_eq!(read(&[], &variables).unwrap().tls, Some(tls::Settings { own, ..usual }));
    let failure = read(&["--cert=c.pem"], &[]).unwrap_err();
    assert_eq!(failure.exit, Exit::BadArguments);
    let message = "KeyFile and CertFile must both be present[key: , cert: c.pem]";
    assert_eq!(failure.message.as_deref(), Some(message));
}

#[test]
fn debug_shows_every_setting() {
    let settings = read(&["--debug", "--endpoints=a,b"], &[]).unwrap();
    assert_eq!(settings.remarks.len(), FLAGS.len());
    for line in ["ETCDCTL_ENDPOINTS=[a,b]", "ETCDCTL_DEBUG=true", "ETCDCTL_DIAL_TIMEOUT=2s"] {
        assert!(settings.remarks.iter().any(|remark| remark == line), "{line}");
    }
}
