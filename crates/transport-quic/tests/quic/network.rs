//! A network that loses, delays and moves: a relay of datagrams in front of a member.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

/// What it does to datagrams.
#[derive(Clone, Copy)]
pub(crate) struct Faults {
    pub(crate) seed: u64,
    /// Of a hundred, towards the member and back.
    pub(crate) lost: u8,
    pub(crate) lost_back: u8,
    /// How long each is on its way.
    pub(crate) delay: Duration,
}

impl Faults {
    pub(crate) const NONE: Self = Self { seed: 0, lost: 0, lost_back: 0, delay: Duration::ZERO };
}

/// The relay, until it is dropped.
pub(crate) struct Network {
    address: SocketAddr,
    moved: Arc<Notify>,
    runtime: Option<Runtime>,
}

impl Network {
    pub(crate) fn before(member: SocketAddr, faults: Faults) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be built");
        let front = runtime.block_on(bind());
        let address = front.local_addr().expect("a bound socket has one");
        let moved = Arc::new(Notify::new());
        runtime.spawn(relay(front, member, faults, Arc::clone(&moved)));
        Self { address, moved, runtime: Some(runtime) }
    }

    pub(crate) fn url(&self) -> String {
        format!("quic://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whoever sends through it has another address from now on, as behind a NAT that has
    /// forgotten.
    pub(crate) fn move_away(&self) {
        self.moved.notify_one();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn bind() -> Arc<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
    Arc::new(socket.expect("a loopback port is free"))
}

async fn relay(front: Arc<UdpSocket>, member: SocketAddr, faults: Faults, moved: Arc<Notify>) {
    let mut random = fastrand::Rng::with_seed(faults.seed);
    let mut back = bind().await;
    let mut sender = None;
    let mut on_their_way = JoinSet::new();
    let (mut there, mut here) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        while on_their_way.try_join_next().is_some() {}
        let (socket, to, datagram, lost) = tokio::select! {
            Ok((length, from)) = front.recv_from(&mut there) => {
                sender = Some(from);
                (&back, member, there[..length].to_vec(), faults.lost)
            }
            Ok((length, _)) = back.recv_from(&mut here) => {
                let Some(sender) = sender else { continue };
                (&front, sender, here[..length].to_vec(), faults.lost_back)
            }
            () = moved.notified() => {
                back = bind().await;
                continue;
            }
        };
        if random.u8(0..100) < lost {
            continue;
        }
        let socket = Arc::clone(socket);
        on_their_way.spawn(async move {
            if !faults.delay.is_zero() {
                time::interval_at(Instant::now() + faults.delay, faults.delay).tick().await;
            }
            // Where nobody is, it gets lost.
            drop(socket.send_to(&datagram, to).await);
        });
    }
}
