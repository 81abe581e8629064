use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, ServerConfig};
use tls::{Acceptor, Settings};
use tokio::net::UdpSocket;
use tokio::runtime::Runtime;
use tokio::time;

use super::{Either, FAR};
use crate::dialer::Dialer;
use crate::tuning;
use crate::wire::PROTOCOL;

/// Whoever connects is let in.
fn member(settings: &Settings) -> Endpoint {
    let secured = Acceptor::new(settings, &[PROTOCOL]).config().expect("the files are there");
    let secured = QuicServerConfig::try_from(secured).expect("TLS 1.3 is among the versions");
    let mut config = ServerConfig::with_crypto(Arc::new(secured));
    config.transport_config(tuning::transport());
    let endpoint = Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into());
    let endpoint = endpoint.expect("a loopback port is free");
    let accepting = endpoint.clone();
    tokio::spawn(async move {
        while let Some(incoming) = accepting.accept().await {
            tokio::spawn(async move {
                let connection = incoming.await.expect("the test's own hand is shaken");
                connection.closed().await;
            });
        }
    });
    endpoint
}

/// A way to a member, whose round trips take at least twice `delay`.
async fn long_way(member: SocketAddr, delay: Duration) -> SocketAddr {
    let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a loopback port is free");
    let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a loopback port is free");
    let address = near.local_addr().expect("a bound socket has one");
    tokio::spawn(async move {
        let (mut there, mut back) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut sender = None;
        // One datagram at a time is enough for a handshake.
        loop {
            tokio::select! {
                Ok((length, from)) = near.recv_from(&mut there) => {
                    sender = Some(from);
                    time::interval_at(time::Instant::now() + delay, delay).tick().await;
                    far.send_to(&there[..length], member).await.expect("the member is there");
                }
                Ok((length, _)) = far.recv_from(&mut back) => {
                    let sender = sender.expect("an answer follows a question");
                    time::interval_at(time::Instant::now() + delay, delay).tick().await;
                    near.send_to(&back[..length], sender).await.expect("the dialer is there");
                }
            }
        }
    });
    address
}

/// Whether what is connected there counts as far.
async fn is_far(dialer: &Dialer, address: SocketAddr) -> bool {
    let connection = dialer.connect("127.0.0.1", address.port()).await.expect("it is there");
    // Something of the established connection must have been acknowledged.
    let (mut lane, _) = connection.open_bi().await.expect("one stream may be opened");
    lane.write_all(b"hello").await.expect("the window is open");
    lane.finish().expect("it was not finished before");
    assert_eq!(lane.stopped().await, Ok(None), "all was received");
    let controller = connection.congestion_state().into_any();
    controller.downcast::<Either>().expect("it is the one of `tuning`").is_far
}

#[test]
fn who_is_near_and_who_is_far_is_told_by_the_shortest_round_trip() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let own = tls::self_made(folder.path(), &["127.0.0.1"], 1).expect("it can be made");
    let settings = Settings { own: Some(own), trusts_any_server: true, ..Settings::default() };
    let dialer = Dialer::new(&settings).expect("TLS 1.3 is among the versions");
    Runtime::new().expect("a runtime can be built").block_on(async {
        let member = member(&settings);
        let address = member.local_addr().expect("a bound socket has one");
        // Where others keep the processor, all round trips of a connection may be long.
        let mut seen_near = false;
        for _ in 0..20 {
            seen_near = seen_near || !is_far(&dialer, address).await;
        }
        assert!(seen_near);
        assert!(is_far(&dialer, long_way(address, FAR / 2).await).await);
    });
}
