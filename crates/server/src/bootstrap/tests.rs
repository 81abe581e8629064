use axum::Router;
use axum::routing::get;
use state::Member;
use tls::Connector;
use tokio::sync::watch;
use units::{ClusterId, NodeId};

use super::{Origin, Refused, origin};
use crate::ask::Reach;
use crate::config::{Asked, Settings, parse};
use crate::listen::{Bound, Homes, Options};
use crate::{Config, Parts};

fn settings(arguments: &[&str]) -> Settings {
    match parse(arguments.iter().map(|text| (*text).to_owned()), []) {
        Ok(Asked::Run(settings)) => settings,
        other => panic!("{arguments:?}: {other:?}"),
    }
}

fn config(name: &str, cluster: &str, more: &[&str]) -> Config {
    let (name, cluster) = (format!("--name={name}"), format!("--initial-cluster={cluster}"));
    let mut arguments = vec![name.as_str(), cluster.as_str()];
    arguments.extend(more);
    Config::from_settings(&settings(&arguments)).expect("the flags are fine")
}

fn member(id: u64, url: &str, client_urls: &[&str]) -> Member {
    Member {
        id,
        peer_urls: vec![url.to_owned()],
        is_learner: false,
        name: String::new(),
        client_urls: client_urls.iter().map(|url| (*url).to_owned()).collect(),
    }
}

/// A member that tells who the members are, given its own URL.
async fn peer(members: impl FnOnce(&str) -> Vec<Member>) -> (String, watch::Sender<bool>) {
    let urls = api::urls::Urls::parse(&["http://127.0.0.1:0"]).expect("it is one");
    let bound = Bound::bind(&urls).await.and_then(Bound::listen).expect("a port is free");
    let url = format!("http://{}", bound.address().expect("it is bound"));
    let text = serde_json::to_string(&members(&url)).expect("it is plain data");
    let answer = move || {
        let text = text.clone();
        async move { ([("x-etcd-cluster-id", "c1")], text) }
    };
    let (stop, stopped) = watch::channel(false);
    let router = Router::new().route("/members", get(answer));
    tokio::spawn(bound.serve(
        router,
        Homes::here(),
        Options::PEERS,
        stopped,
        std::time::Duration::ZERO,
    ));
    (url, stop)
}

async fn found(config: &Config) -> Result<Origin, Refused> {
    let (connector, tls) = (Connector::new(&config.peer_tls, &[]), &config.peer_tls);
    let parts = Parts::compiled_in();
    let chosen = parts.choose(config).expect("the usual ones are there");
    origin(config, &Reach { connector, transport: &*chosen.transport, tls }).await
}

const OWN: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn founders_agree_on_who_they_are() {
    let cluster = format!("b=http://127.0.0.1:2,a={OWN}");
    let one = found(&config("a", &cluster, &["--initial-advertise-peer-urls", OWN])).await;
    let advertised = ["--initial-advertise-peer-urls=http://127.0.0.1:2"];
    let two = found(&config("b", &cluster, &advertised)).await;
    let (Ok(one), Ok(two)) = (one, two) else { panic!("both found the cluster") };
    assert_eq!((one.cluster, &one.members), (two.cluster, &two.members));
    assert_ne!(one.id, two.id);
    assert!(one.founds && one.members.is_sorted_by_key(|member| member.id));
}

#[tokio::test]
async fn flags_that_do_not_fit_are_refused() {
    let refused = async |name, cluster: &str, advertised: &str| {
        let config = config(name, cluster, &["--initial-advertise-peer-urls", advertised]);
        found(&config).await.expect_err("they do not fit").to_string()
    };
    assert_eq!(
        refused("x", "a=http://127.0.0.1:1", OWN).await,
        "couldn't find local name \"x\" in the initial cluster configuration"
    );
    assert_eq!(
        refused("a", "a=http://127.0.0.1:2", OWN).await,
        "--initial-cluster has a=http://127.0.0.1:2 but missing from \
         --initial-advertise-peer-urls=http://127.0.0.1:1 \
         (resolved urls: \"http://127.0.0.1:1\" != \"http://127.0.0.1:2\")"
    );
    assert_eq!(
        refused("a", &format!("a={OWN},a={OWN}"), OWN).await,
        "failed to resolve http://127.0.0.1:1 to match \
         --initial-cluster=a=http://127.0.0.1:1 \
         (len([\"http://127.0.0.1:1\"]) != len([\"http://127.0.0.1:1\" \"http://127.0.0.1:1\"]))"
    );
    assert_eq!(
        refused("a", &format!("a={OWN}"), &format!("{OWN},http://127.0.0.1:2")).await,
        "--initial-advertise-peer-urls has http://127.0.0.1:2 but missing from \
         --initial-cluster=a=http://127.0.0.1:1,a=http://127.0.0.1:2"
    );
    assert_eq!(
        refused("a", &format!("a={OWN},b={OWN}"), OWN).await,
        "initial cluster a=http://127.0.0.1:1,b=http://127.0.0.1:1 has duplicate url"
    );
}

#[tokio::test]
async fn names_are_looked_up() {
    let arguments = ["--initial-advertise-peer-urls", "http://localhost:1"];
    let found = found(&config("a", &format!("a={OWN}"), &arguments)).await;
    assert!(matches!(found, Ok(Origin { founds: true, .. })), "{found:?}");
}

#[tokio::test]
async fn a_member_is_not_founded_twice() {
    let advertised = ["--initial-advertise-peer-urls", OWN];
    let (url, _stop) = peer(|url| {
        let urls = [OWN, url].map(|url| api::urls::Urls::parse(&[url]).expect("it is one"));
        let id = api::ids::founding_member(&urls[0], "etcd-cluster");
        vec![member(id.0, OWN, &["http://127.0.0.1:3"]), member(2, url, &[])]
    })
    .await;
    let error = found(&config("a", &format!("a={OWN},b={url}"), &advertised)).await;
    assert!(matches!(error, Err(Refused::AlreadyBootstrapped(_))), "{error:?}");
}

#[tokio::test]
async fn a_member_joins_those_who_are_there() {
    let arguments =
        ["--initial-cluster-state=existing", "--initial-advertise-peer-urls=http://127.0.0.1:1"];
    let (url, stop) =
        peer(|url| vec![member(9, url, &["http://127.0.0.1:3"]), member(7, OWN, &[])]).await;
    let joined = found(&config("a", &format!("a={OWN},b={url}"), &arguments)).await;
    let joined = joined.expect("it is one of them");
    assert_eq!((joined.cluster, joined.id, joined.founds), (ClusterId(0xc1), NodeId(7), false));
    assert_eq!(joined.members.len(), 2);

    let error = found(&config("a", &format!("a={OWN},b={url},c=http://127.0.0.1:9"), &arguments))
        .await
        .expect_err("one is listed too many");
    assert!(error.to_string().ends_with("member count is unequal"), "{error}");
    let error = found(&config("a", &format!("a=http://127.0.0.1:9,b={url}"), &arguments))
        .await
        .expect_err("this one is not a member");
    assert!(error.to_string().contains("unmatched member while checking PeerURLs"), "{error}");

    stop.send_replace(true);
    let config = config("a", &format!("a={OWN},b=http://127.0.0.1:9"), &arguments);
    assert_eq!(found(&config).await, Err(Refused::ClusterUnknown));
}
