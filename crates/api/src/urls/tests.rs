use super::{BadUrl, Scheme, Urls, parse_cluster};

fn strings(texts: &[&str]) -> Result<Vec<String>, BadUrl> {
    Urls::parse(texts).map(|urls| urls.to_strings())
}

#[test]
fn addresses_are_urls() {
    for text in [
        "http://127.0.0.1:2380",
        "https://example.com:443",
        "http://[::1]:2380",
        "http://:2379",
        "http://localhost:",
        "unix://localhost:17",
        "unixs:///run/etcd.sock",
        "unix:/run/etcd.sock",
    ] {
        assert_eq!(strings(&[text]), Ok(vec![text.to_owned()]));
    }
    let urls = Urls::parse(&[" http://b:2 ", "http://a:1"]).expect("both are addresses");
    assert_eq!(urls.to_string(), "http://a:1,http://b:2", "sorted and trimmed");
    let first = urls.iter().next().expect("there are two");
    assert_eq!((first.scheme(), first.host(), first.port()), (Scheme::Http, "a", 1));
    assert!(!first.is_bindable());
    let bindable = Urls::parse_list("http://0.0.0.0:1,http://[::1]:1,http://localhost:1,unix://x");
    assert!(bindable.expect("all are addresses").iter().all(super::Url::is_bindable));
}

#[test]
fn urls_lead_somewhere() {
    for (text, address) in [
        ("http://127.0.0.1:2380", "127.0.0.1:2380"),
        ("http://[::1]:2380", "[::1]:2380"),
        ("http://localhost:", "localhost:"),
        ("unix://localhost:17", "localhost:17"),
        ("unix:///run/etcd.sock", "/run/etcd.sock"),
        ("unix:/run/etcd.sock", "/run/etcd.sock"),
        // Neither a query nor somebody who asks makes another address.
        ("http://user:word@a:1?x#y", "a:1"),
    ] {
        let urls = Urls::parse(&[text]).expect("it is one");
        assert_eq!(urls.iter().map(super::Url::address).collect::<Vec<_>>(), [address]);
    }
}

#[test]
fn others_are_refused_in_etcds_words() {
    for (text, words) in [
        (
            "127.0.0.1:2380",
            "parse \"127.0.0.1:2380\": first path segment in URL cannot contain colon",
        ),
        ("://a", "parse \"://a\": missing protocol scheme"),
        ("a\tb", "parse \"a\\tb\": net/url: invalid control character in URL"),
        ("", "URL scheme must be http, https, unix, or unixs: "),
        ("localhost:1", "URL scheme must be http, https, unix, or unixs: localhost:1"),
        ("ftp://a:1", "URL scheme must be http, https, unix, or unixs: ftp://a:1"),
        ("http:/a:1", "URL address does not have the form \"host:port\": http:/a:1"),
        ("http://a", "URL address does not have the form \"host:port\": http://a"),
        ("http://[::1]", "URL address does not have the form \"host:port\": http://[::1]"),
        ("http://a:x", "parse \"http://a:x\": invalid port \":x\" after host"),
        ("http://a:-1", "parse \"http://a:-1\": invalid port \":-1\" after host"),
        ("http://a:65536", "parse \"http://a:65536\": invalid port \":65536\" after host"),
        ("http://::1:1", "parse \"http://::1:1\": invalid port \"::1:1\" after host"),
        ("http://[::1:1", "parse \"http://[::1:1\": missing ']' in host"),
        ("http://[::1]x:1", "parse \"http://[::1]x:1\": invalid port \"x:1\" after host"),
        ("http://%zz:1", "parse \"http://%zz:1\": invalid URL escape \"%zz\""),
        ("http://a:1/path", "URL must not contain a path: http://a:1/path"),
        ("http://a b:1", "parse \"http://a b:1\": invalid character \" \" in host name"),
        (
            "http://a:1 http://b:1",
            "parse \"http://a:1 http://b:1\": invalid port \":1 http:\" after host",
        ),
    ] {
        assert_eq!(strings(&[text]).map_err(|error| error.to_string()), Err(words.to_owned()));
    }
    assert_eq!(strings(&[]), Err(BadUrl::Empty));
}

#[test]
fn a_cluster_lists_its_members() {
    let cluster = parse_cluster("a=http://h:1,b=http://h:2,a=http://h:0").expect("it is valid");
    let listed: Vec<_> = cluster.iter().map(|(name, urls)| format!("{name}: {urls}")).collect();
    assert_eq!(listed, ["a: http://h:0,http://h:1", "b: http://h:2"]);
    assert!(parse_cluster("a=nonsense").is_err());
    let without_url = "URL scheme must be http, https, unix, or unixs: ";
    for text in ["a", "a="] {
        assert_eq!(parse_cluster(text).expect_err("it has no URL").to_string(), without_url);
    }
}
