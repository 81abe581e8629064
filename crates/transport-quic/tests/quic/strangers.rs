//! Peers that do what they should not.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, EndpointConfig, TokioRuntime};
use tls::Connector;
use tls::authority::{Authority, Subject};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use transport::suite::Recorder;
use transport::{Lane, Peer, Transport};
use transport_quic::{PROTOCOL, Quic, visit};
use units::{ClusterId, NodeId};

use crate::member::{FRAME_BYTES_MAX, Place, Security};
use crate::network::{Faults, Network};

const CLUSTER: ClusterId = ClusterId(0xc1);
const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long somebody is watched who should do nothing more.
const WATCHED: Duration = Duration::from_millis(300);

/// Somebody who speaks QUIC and knows what members say.
struct Stranger(Endpoint);

impl Stranger {
    fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
        let config = EndpointConfig::default();
        let endpoint = Endpoint::new(config, None, socket, Arc::new(TokioRuntime));
        Self(endpoint.expect("within a runtime"))
    }

    fn connecting(
        &self,
        to: SocketAddr,
        settings: &tls::Settings,
        protocol: &[u8],
    ) -> quinn::Connecting {
        let secured = Connector::new(settings, &[protocol]).config().expect("files are there");
        let secured = QuicClientConfig::try_from(secured).expect("TLS 1.3 is spoken");
        let config = ClientConfig::new(Arc::new(secured));
        self.0.connect_with(config, to, "127.0.0.1").expect("nothing is odd")
    }

    async fn connect(&self, to: SocketAddr, settings: &tls::Settings) -> Connection {
        let connecting = self.connecting(to, settings, PROTOCOL);
        within(connecting).await.expect("hands are shaken")
    }

    /// Connects as a member that is welcome.
    async fn join(&self, to: SocketAddr, settings: &tls::Settings) -> Connection {
        let connection = self.connect(to, settings).await;
        let (mut say, mut hear) = within(connection.open_bi()).await.expect("it is let in");
        within(say.write_all(&introduction())).await.expect("it is heard");
        let mut welcome = [0; 12];
        within(hear.read_exact(&mut welcome)).await.expect("it is welcome");
        connection
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it does not take so long")
}

/// What the second member says to the first.
fn introduction() -> Bytes {
    let mut record = BytesMut::new();
    for number in [CLUSTER.0, TWO.0, ONE.0, 1] {
        record.put_u64(number);
    }
    record.put_slice(b"quic://127.0.0.1:1");
    let mut said = BytesMut::from(&[1][..]);
    said.put_u32(u32::try_from(record.len()).expect("it is short"));
    said.put_slice(&record);
    said.freeze()
}

struct World {
    place: Place,
    security: Security,
    heard: Arc<Recorder>,
    one: Quic,
}

impl World {
    fn new(security: Security) -> Self {
        let (mut place, heard) = (Place::new(), Recorder::new());
        let (one, _) = place.start(CLUSTER, ONE, &security.settings, heard.clone());
        one.set_peers(&[Peer { id: TWO, urls: vec!["quic://127.0.0.1:1".to_owned()] }]);
        Self { place, security, heard, one }
    }

    /// What a stranger does to it.
    fn suffers<T>(&self, deed: impl AsyncFnOnce(Stranger, SocketAddr, &tls::Settings) -> T) -> T {
        let to = self.place.address();
        self.place
            .runtime()
            .block_on(async { deed(Stranger::new(), to, &self.security.settings).await })
    }

    /// A member is heard in spite of all.
    fn still_hears(&self) {
        self.suffers(async |stranger, to, settings| {
            let connection = stranger.join(to, settings).await;
            let mut lane = within(connection.open_uni()).await.expect("it may open lanes");
            let frame = [&[2][..], &5_u32.to_be_bytes(), b"hello"].concat();
            within(lane.write_all(&frame)).await.expect("it is heard");
            self.heard.wait_until("it is heard", |heard| {
                heard.frames.contains(&(TWO, Lane::Append, Bytes::from_static(b"hello")))
            });
        });
    }
}

async fn closed(connection: &Connection) -> String {
    match within(connection.closed()).await {
        ConnectionError::ApplicationClosed(close) => {
            String::from_utf8_lossy(&close.reason).into_owned()
        }
        other => panic!("{other}"),
    }
}

#[test]
fn nonsense_ends_the_connection_and_nothing_else() {
    let world = World::new(Security::self_made());
    let bi = |said: &'static [u8], joins: bool| {
        world.suffers(async |stranger: Stranger, to, settings| {
            let connection = match joins {
                true => stranger.join(to, settings).await,
                false => stranger.connect(to, settings).await,
            };
            let (mut say, _hear) = within(connection.open_bi()).await.expect("it is let in");
            within(say.write_all(said)).await.expect("it is taken");
            say.finish().expect("it is open");
            closed(&connection).await
        })
    };
    assert_eq!(bi(&[9], false), "a stream is of unknown kind");
    assert_eq!(bi(&[2], false), "a stream is of unknown kind");
    assert_eq!(bi(&[1, 255, 255, 255, 255], false), "a record is too long");
    assert_eq!(bi(&[1, 0, 0, 0, 3, 1, 2, 3], false), "a record is too short");
    assert_eq!(bi(&[1, 0, 0], false), "it breaks off");
    assert_eq!(bi(&[7], true), "a stream is of unknown kind");
    assert_eq!(bi(&[2, 255, 0, 0, 0], true), "a record is too long");
    let uni = |said: &'static [u8], count: usize| {
        world.suffers(async |stranger: Stranger, to, settings| {
            let connection = stranger.join(to, settings).await;
            let mut lanes = Vec::new();
            for _ in 0..count {
                let mut lane = within(connection.open_uni()).await.expect("it may open lanes");
                // The first one may have ended it already.
                drop(within(lane.write_all(said)).await);
                lanes.push(lane);
            }
            closed(&connection).await
        })
    };
    assert_eq!(uni(&[1], 2), "a lane is opened twice");
    assert_eq!(uni(&[4], 1), "no such lane");
    assert_eq!(uni(&[2, 0, 128, 0, 1], 1), "a record is too long");
    world.still_hears();
}

#[test]
fn strangers_are_let_say_who_they_are_and_no_more() {
    let world = World::new(Security::self_made());
    world.suffers(async |stranger: Stranger, to, settings| {
        let other = stranger.connecting(to, settings, b"etcdd-peer/2");
        let error = within(other).await.expect_err("it speaks another version");
        assert!(error.to_string().contains("known protocol"), "{error}");
        let connection = stranger.connect(to, settings).await;
        timeout(WATCHED, connection.open_uni()).await.expect_err("no lane without introduction");
        let (mut say, _hear) = within(connection.open_bi()).await.expect("one stream");
        timeout(WATCHED, connection.open_bi()).await.expect_err("and no second one");
        // It says nothing that could be understood yet.
        let endless = vec![1; 1 << 20];
        timeout(WATCHED, say.write_all(&endless)).await.ok();
        drop(closed(&connection).await);
    });
    world.still_hears();
}

#[test]
fn who_says_nothing_is_shown_out() {
    let world = World::new(Security::self_made());
    world.suffers(async |stranger: Stranger, to, settings| {
        let connection = stranger.connect(to, settings).await;
        assert_eq!(closed(&connection).await, "it does not say who it is");
    });
}

/// Each of them goes on asking for an answer that it does not get.
#[test]
fn handshakes_that_never_end_keep_nobody_out() {
    let world = World::new(Security::self_made());
    let faults = Faults { lost_back: 100, ..Faults::NONE };
    let network = Network::before(world.place.address(), faults);
    world.suffers(async |stranger: Stranger, _, settings| {
        let begun: Vec<_> =
            (0..400).map(|_| stranger.connecting(network.address(), settings, PROTOCOL)).collect();
        world.place.runtime().spawn(async move {
            for connecting in begun {
                drop(connecting.await);
            }
        });
        // Another one, who answers.
        let member = Stranger::new().join(world.place.address(), settings).await;
        assert!(member.close_reason().is_none());
        drop(stranger);
    });
}

#[test]
fn a_lane_that_nobody_reads_takes_its_window_and_no_more() {
    let world = World::new(Security::self_made());
    world.suffers(async |stranger: Stranger, to, settings| {
        let connection = stranger.join(to, settings).await;
        let mut lane = within(connection.open_uni()).await.expect("it may open lanes");
        // A frame that is announced and does not end: all of it is held.
        let length = u32::try_from(FRAME_BYTES_MAX).expect("it is not so long").to_be_bytes();
        within(lane.write_all(&[&[2][..], &length].concat())).await.expect("it is taken");
        let part = vec![0; FRAME_BYTES_MAX - 1];
        within(lane.write_all(&part)).await.expect("it is taken");
        // Questions that are announced and do not come wait for each other's room.
        let mut waiting = Vec::new();
        while let Ok(stream) = timeout(WATCHED, connection.open_bi()).await {
            let (mut say, hear) = stream.expect("it is connected");
            within(say.write_all(&[&[2][..], &length].concat())).await.expect("it is taken");
            let mut taken = 0;
            while let Ok(Ok(count)) = timeout(WATCHED, say.write(&part[taken..])).await {
                taken += count;
                if taken == part.len() {
                    break;
                }
            }
            waiting.push((say, hear, taken));
            if waiting.len() == 4 {
                break;
            }
        }
        let whole = waiting.iter().filter(|(_, _, taken)| *taken == part.len()).count();
        assert_eq!(whole, 1, "one has all the room");
        assert!(waiting.iter().all(|(_, _, taken)| *taken == part.len() || *taken <= 5 << 20));
        // The other lanes go on.
        let mut beats = within(connection.open_uni()).await.expect("it may open lanes");
        let beat = [&[1][..], &4_u32.to_be_bytes(), b"beat"].concat();
        within(beats.write_all(&beat)).await.expect("it is taken");
        world.heard.wait_until("it is heard", |heard| {
            heard.frames == [(TWO, Lane::Heartbeat, Bytes::from_static(b"beat"))]
        });
    });
    assert!(world.one.connected(TWO).is_none(), "nobody is where it says that it listens");
}

#[test]
fn certificates_are_checked_on_both_sides() {
    let (authority, other) = (Authority::new("ours"), Authority::new("another"));
    let world = World::new(Security::certified(&authority, Subject::here("member")));
    let elsewhere = Subject { hosts: &["192.0.2.7"], ..Subject::here("stolen") };
    let unsigned = Security::self_made();
    for (shown, why) in [
        (Security::certified(&other, Subject::here("member")).settings, "nobody trusts it"),
        (unsigned.settings.clone(), "nobody has signed it"),
        (Security::certified(&authority, elsewhere).settings, "it is for another address"),
    ] {
        let trusting = tls::Settings { trusts_any_server: true, trusted: None, ..shown };
        world.suffers(async |stranger: Stranger, to, _| {
            let connecting = stranger.connecting(to, &trusting, PROTOCOL);
            // TLS 1.3 tells whoever connects that it is done before its certificate is looked at.
            let Ok(connection) = within(connecting).await else { return };
            let error = within(connection.closed()).await;
            assert!(!matches!(error, ConnectionError::TimedOut), "{why}: {error}");
        });
    }
    // And the other way round: who does not fit is told nothing.
    let false_member = World::new(Security::certified(&other, Subject::here("member")));
    let place = false_member.place.address();
    world.one.set_peers(&[
        Peer { id: ONE, urls: vec![] },
        Peer { id: TWO, urls: vec![format!("quic://{place}")] },
    ]);
    world.one.send(TWO, Lane::Append, Bytes::from_static(b"secret"));
    world.heard.wait_until("it is given up", |heard| heard.unreachable == [TWO]);
    false_member.heard.wait_until("it is not heard", |heard| heard.frames.is_empty());
    world.still_hears();
}

/// Else the first handshake would be the end of whoever takes part in it.
#[test]
fn who_must_not_speak_tls_13_does_not_begin() {
    let protocol = tls::Protocol::of("", "TLS1.2", &[]).expect("there is such a version");
    let settings = tls::Settings { protocol, ..Security::self_made().settings };
    let words = "QUIC needs TLS 1.3, which is not among the versions";
    let mut place = Place::new();
    let refused = place.try_start(CLUSTER, ONE, &settings, Recorder::new());
    assert_eq!(refused.err().expect("it does not begin").to_string(), words);
    let port = place.address().port();
    let refused = place.runtime().block_on(within(visit(&settings, "127.0.0.1", port)));
    assert_eq!(refused.err().expect("it does not begin").to_string(), words);
}

#[test]
fn visitors_speak_with_whoever_serves_them() {
    let security = Security::self_made();
    let mut place = Place::new();
    let (_one, mut visits) = place.start(CLUSTER, ONE, &security.settings, Recorder::new());
    place.runtime().block_on(within(async {
        let port = place.address().port();
        let mut visitor = visit(&security.settings, "127.0.0.1", port).await.expect("it is let in");
        visitor.write_all(b"who is there?").await.expect("it is heard");
        let mut visit = visits.recv().await.expect("somebody comes");
        let mut question = [0; 13];
        visit.read_exact(&mut question).await.expect("it is asked");
        assert_eq!(&question, b"who is there?");
        visit.write_all(b"nobody").await.expect("it is answered");
        visit.shutdown().await.expect("it is answered");
        let mut answer = Vec::new();
        visitor.read_to_end(&mut answer).await.expect("it hears the answer");
        assert_eq!(answer, b"nobody");
    }));
}
