//! Members that speak TLS, to clients and to each other.

use std::fs;
use std::path::PathBuf;

use proto::etcdserverpb::MemberAddRequest;
use proto::etcdserverpb::cluster_client::ClusterClient;
use server::{Error, Member};
use tempfile::TempDir;
use tls::authority::{Authority, Subject};
use tls::{Connector, Settings};

use crate::seat::{Seat, get, names, put, start, within};

/// What clients and peers speak.
const PROTOCOLS: [&[u8]; 1] = [b"h2"];

/// Certificates of members and of a client, which all look at the same files.
struct World {
    files: TempDir,
}

impl World {
    fn new() -> Self {
        Self { files: TempDir::new().expect("there is room for a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// These authorities are trusted from now on.
    fn trust(&self, authorities: &[&Authority]) {
        let text: String = authorities.iter().map(|authority| authority.certificate()).collect();
        fs::write(self.path("ca.pem"), text).expect("there is room");
    }

    /// Everybody has a certificate of this authority from now on.
    fn certify(&self, authority: &Authority, seats: &[Seat]) {
        authority.certify(Subject::here("client")).write(self.files.path(), "client");
        for seat in seats {
            let (_, address) = seat.peer_url.split_once("://").expect("it is a URL");
            let (address, _) = address.rsplit_once(':').expect("it has a port");
            let subject = Subject { hosts: &["127.0.0.1", address], ..Subject::here(&seat.name) };
            authority.certify(subject).write(self.files.path(), &seat.name);
        }
    }

    fn client(&self) -> Connector {
        let pair =
            tls::Pair { certificate: self.path("client.pem"), key: self.path("client-key.pem") };
        let trusted = Some(self.path("ca.pem"));
        Connector::new(&Settings { own: Some(pair), trusted, ..Settings::default() }, &PROTOCOLS)
    }

    fn flags(&self, seat: &Seat) -> Vec<String> {
        let file = |name: &str| self.path(name).display().to_string();
        let mut flags = Vec::new();
        for prefix in ["", "peer-"] {
            flags.extend([
                format!("--{prefix}cert-file={}", file(&format!("{}.pem", seat.name))),
                format!("--{prefix}key-file={}", file(&format!("{}-key.pem", seat.name))),
                format!("--{prefix}trusted-ca-file={}", file("ca.pem")),
                format!("--{prefix}client-cert-auth"),
            ]);
        }
        // Else members could not be changed before all have been connected for a while.
        flags.push("--strict-reconfig-check=false".to_owned());
        flags
    }

    async fn start(&self, seat: &Seat, cluster: &str, more: &[&str]) -> Member {
        let flags = self.flags(seat);
        let flags: Vec<&str> =
            flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
        start(seat.config(cluster, &flags)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_their_authority_are_replaced_while_members_run() {
    let world = World::new();
    let seats = ["a", "b", "c"].map(|name| Seat::secured(name, world.client()));
    let cluster = seats.iter().map(Seat::listing).collect::<Vec<_>>().join(",");
    let (former, next) = (Authority::new("the former"), Authority::new("the next"));
    world.trust(&[&former]);
    world.certify(&former, &seats);
    let starting = seats.iter().map(|seat| world.start(seat, &cluster, &[]));
    let mut members = futures_util::future::join_all(starting).await;
    put(&seats[0], "k", "1").await;
    for seat in &seats {
        assert_eq!(get(seat, "k").await.as_deref(), Some(&b"1"[..]));
    }

    world.trust(&[&former, &next]);
    world.certify(&next, &seats);
    world.trust(&[&next]);
    // It trusts the next authority alone, and the others show it what they have now.
    let third = members.pop().expect("there are three");
    within("the stop", third.stop()).await.expect("it stops well");
    put(&seats[0], "k", "2").await;
    members.push(world.start(&seats[2], &cluster, &[]).await);
    for seat in &seats {
        assert_eq!(get(seat, "k").await.as_deref(), Some(&b"2"[..]));
    }
    for member in members {
        within("the stop", member.stop()).await.expect("it stops well");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_joins_over_tls() {
    let world = World::new();
    let seats = ["a", "b"].map(|name| Seat::secured(name, world.client()));
    let authority = Authority::new("an authority");
    world.trust(&[&authority]);
    world.certify(&authority, &seats);
    let [first, second] = &seats;
    let one = world.start(first, &first.listing(), &[]).await;
    let mut client = ClusterClient::new(first.connect().await);
    let add = MemberAddRequest { peer_urls: vec![second.peer_url.clone()], is_learner: false };
    within("the change", client.member_add(add)).await.expect("it is added");
    let both = format!("{},{}", first.listing(), second.listing());
    let two = world.start(second, &both, &["--initial-cluster-state=existing"]).await;
    put(second, "k", "v").await;
    assert_eq!(get(first, "k").await.as_deref(), Some(&b"v"[..]));
    within("the stop", two.stop()).await.expect("it stops well");
    drop(one);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_make_certificates_for_themselves() {
    let anybody = Settings { trusts_any_server: true, ..Settings::default() };
    let anybody = || Connector::new(&anybody, &PROTOCOLS);
    let mut seats = ["a", "b", "c"].map(|name| Seat::secured(name, anybody()));
    let cluster = seats.iter().map(Seat::listing).collect::<Vec<_>>().join(",");
    let automatic = ["--auto-tls", "--peer-auto-tls"];
    let starting = seats.iter().map(|seat| start(seat.config(&cluster, &automatic)));
    let members = futures_util::future::join_all(starting).await;
    put(&seats[0], "k", "v").await;
    for seat in &seats {
        assert_eq!(get(seat, "k").await.as_deref(), Some(&b"v"[..]));
        for kind in ["client", "peer"] {
            let mut made = names(&seat.folder.path().join("data/fixtures").join(kind));
            made.sort();
            assert_eq!(made, ["cert.pem", "key.pem"]);
        }
    }
    // What was made can be named as the one to trust.
    let trusted = Some(seats[0].folder.path().join("data/fixtures/client/cert.pem"));
    let knowing = Connector::new(&Settings { trusted, ..Settings::default() }, &PROTOCOLS);
    seats[0].connector = Some(knowing);
    assert_eq!(get(&seats[0], "k").await.as_deref(), Some(&b"v"[..]));
    for member in members {
        within("the stop", member.stop()).await.expect("it stops well");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_keep_a_member_from_starting() {
    let world = World::new();
    let seat = Seat::secured("a", world.client());
    let flags = world.flags(&seat);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let refused = Member::start(seat.config(&seat.listing(), &flags)).await;
    let refused = refused.err().expect("there are no files");
    let path = world.path("a.pem").display().to_string();
    assert_eq!(refused.to_string(), format!("open {path}: no such file or directory"));
    assert!(matches!(refused, Error::Tls(_)), "{refused:?}");
    assert_eq!(names(seat.folder.path()), [""; 0]);
}
