//! Members that reach each other over QUIC alone.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use proto::etcdserverpb::MemberAddRequest;
use proto::etcdserverpb::cluster_client::ClusterClient;
use server::{Assembly, Carrier, Config, Member, Parts, Scheme, TransportPart, TransportSite};
use transport::Sink;

use crate::seat::{Seat, get, put, start, within};

fn refused(peer_url: &str, more: &[&str]) -> String {
    let listen = format!("--listen-peer-urls={peer_url}");
    let advertise = format!("--initial-advertise-peer-urls={peer_url}");
    let cluster = format!("--initial-cluster=default={peer_url}");
    let flags = [listen.as_str(), &advertise, &cluster];
    let config = Config::from_flags(flags.into_iter().chain(more.iter().copied()));
    match config {
        Err(error) => error.to_string(),
        Ok(config) => Parts::compiled_in().check(&config).expect_err("it is refused").to_string(),
    }
}

/// Without a flag: its peer URLs say it.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_joins_a_cluster_and_comes_back() {
    let (first, second) = (Seat::by("a", "quic"), Seat::by("b", "quic"));
    let founder = start(first.config(&first.listing(), &[])).await;
    put(&first, "a", "1").await;
    let mut client = ClusterClient::new(first.connect().await);
    let peer_urls = vec![second.peer_url.clone()];
    let add = |peer_urls| MemberAddRequest { peer_urls, is_learner: false };
    let apart = vec!["http://127.0.0.1:1".to_owned()];
    let refused = within("an answer", client.member_add(add(apart))).await;
    assert_eq!(
        refused.expect_err("it would never be heard of").message(),
        "etcdserver: given member URLs are invalid (http://127.0.0.1:1: members reach each other \
         here by quic://)"
    );
    within("an answer", client.member_add(add(peer_urls))).await.expect("it is added");
    let cluster = format!("{},{}", first.listing(), second.listing());
    let joining = || second.config(&cluster, &["--initial-cluster-state=existing"]);
    let joined = start(joining()).await;
    assert_eq!(get(&second, "a").await.as_deref(), Some(&b"1"[..]));
    put(&second, "b", "2").await;
    within("the stop", joined.stop()).await.expect("it stops well");
    let joined: Member = start(joining()).await;
    put(&second, "c", "3").await;
    assert_eq!(get(&first, "c").await.as_deref(), Some(&b"3"[..]));
    within("the stop", joined.stop()).await.expect("it stops well");
    within("the stop", founder.stop()).await.expect("it stops well");
}

/// A transport that cannot begin to listen.
struct Deaf;

impl TransportPart for Deaf {
    fn start(&self, _site: TransportSite, _sink: Arc<dyn Sink>) -> io::Result<Carrier> {
        Err(io::Error::other("listen udp somewhere: nobody is heard there"))
    }

    fn schemes(&self) -> &'static [Scheme] {
        &[Scheme::Quic]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_cannot_hear_its_peers_does_not_start() {
    let seat = Seat::by("a", "quic");
    let address = seat.peer_url.trim_start_matches("quic://");
    let taken = UdpSocket::bind(address).expect("nobody listens there");
    let starting = Member::start(seat.config(&seat.listing(), &[]));
    let refused = within("an end", starting).await.err().expect("it does not start");
    let why = format!("listen udp {address}: bind: address already in use");
    assert_eq!(refused.to_string(), why);
    drop(taken);
    // Nor if it is not heard by its transport, for whatever reason.
    let mut parts = Parts::compiled_in();
    parts.transports.offer("quic", Arc::new(Deaf));
    let starting = Assembly::of(parts).start(seat.config(&seat.listing(), &[]));
    let refused = within("an end", starting).await.err().expect("it does not start");
    assert_eq!(refused.to_string(), "listen udp somewhere: nobody is heard there");
    // Whoever did not start is in nobody's way.
    let member = start(seat.config(&seat.listing(), &[])).await;
    put(&seat, "a", "1").await;
    within("the stop", member.stop()).await.expect("it stops well");
}

#[test]
fn what_disagrees_is_refused_in_words() {
    let quic = "quic://127.0.0.1:2380";
    assert_eq!(
        refused(quic, &["--peer-transport=grpc"]),
        "--peer-transport=grpc is for peer URLs with http:// or https://, and there is \
         quic://127.0.0.1:2380"
    );
    assert_eq!(
        refused("http://127.0.0.1:2380", &["--peer-transport=quic"]),
        "--peer-transport=quic is for peer URLs with quic://, and there is http://127.0.0.1:2380"
    );
    let mixed = format!("--initial-cluster=default={quic},b=http://127.0.0.2:2380");
    assert_eq!(
        refused(quic, &[&mixed]),
        "peer URLs are of one kind: quic://127.0.0.1:2380 is reached over QUIC, and \
         http://127.0.0.2:2380 is not"
    );
    let why = refused(quic, &["--peer-client-cert-auth"]);
    assert!(why.ends_with("which --peer-trusted-ca-file and --peer-client-cert-auth cannot check"));
    assert_eq!(
        refused(quic, &["--tls-max-version=TLS1.2"]),
        "peers with quic:// speak TLS 1.3, which --tls-max-version forbids"
    );
    let clients =
        ["--listen-client-urls=quic://127.0.0.1:2379", "--advertise-client-urls=http://a:1"];
    let why = refused(quic, &clients);
    assert!(why.starts_with("URL quic://127.0.0.1:2379: its scheme"), "{why}");
}
