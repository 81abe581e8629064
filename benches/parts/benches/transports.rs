//! Transports: frames from one member to another on this machine, and the same of the library that
//! carries them.

use std::net::UdpSocket;
use std::num::NonZeroU64;
use std::sync::{Arc, OnceLock, Weak};
use std::thread::yield_now;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use parts_bench::raw::{Heard, Way, connect, serve, thread};
use server::tls::{Settings, self_made};
use server::{Carrier, Parts, Scheme, TransportOptions, TransportPart, TransportSite};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use transport::memory::Network;
use transport::{
    Answer, CallError, CallTicket, Lane, Peer, Sink, Source, Transport, UnreadableSnapshot,
};
use units::{ClusterId, NodeId};

/// Frames at once: what a busy member has for a peer by the time that it is asked.
const BATCH: usize = 100;

/// Bytes of a frame: an entry of 256 bytes, with what belongs to it.
const FRAME_BYTES: usize = 300;

/// Bytes of a heartbeat.
const HEARTBEAT_BYTES: usize = 30;

/// A snapshot: as an engine gives it, in pieces.
const PIECE_BYTES: usize = 1 << 20;
const PIECES: usize = 32;

const CLUSTER: ClusterId = ClusterId(1);
const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

/// What is measured: a transport behind the contract, or a library as it is.
struct Ours {
    one: Arc<dyn Transport>,
    _two: Arc<dyn Transport>,
    heard_by_one: Arc<Ear>,
    heard_by_two: Arc<Ear>,
    _runtimes: Option<[Runtime; 2]>,
}

/// A member that counts what it hears, and sends heartbeats back if it is told by what.
#[derive(Default)]
struct Ear {
    heard: Heard,
    back: OnceLock<Weak<dyn Transport>>,
}

impl Sink for Ear {
    fn frame(&self, from: NodeId, lane: Lane, frame: Bytes) {
        match self.back.get().and_then(Weak::upgrade) {
            Some(transport) if lane == Lane::Heartbeat => transport.send(from, lane, frame),
            _ => self.heard.add(frame.len()),
        }
    }

    fn snapshot(
        &self,
        _from: NodeId,
        _header: Bytes,
        source: &mut dyn Source,
    ) -> Result<(), UnreadableSnapshot> {
        while let Some(chunk) = source.next()? {
            self.heard.add(chunk.len());
        }
        Ok(())
    }

    fn snapshot_sent(&self, _to: NodeId, arrived: bool) {
        assert!(arrived, "nothing is in its way");
        self.heard.add(1);
    }

    fn call(&self, _from: NodeId, _request: Bytes, _answer: Box<dyn Answer>) {}
    fn called(&self, _ticket: CallTicket, _result: Result<Bytes, CallError>) {}
    fn unreachable(&self, _peer: NodeId) {}
    fn removed(&self, _by: NodeId) {}
}

/// The same piece over and over.
struct Pieces {
    piece: Bytes,
    left: usize,
}

impl Source for Pieces {
    fn next(&mut self) -> Result<Option<Bytes>, UnreadableSnapshot> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        Ok(Some(self.piece.clone()))
    }
}

impl Way for Ours {
    fn send(&mut self, frames: &[Bytes]) {
        for frame in frames {
            self.one.send(TWO, Lane::Append, frame.clone());
        }
        self.heard_by_two.heard.wait_for(frames.iter().map(Bytes::len).sum());
    }

    fn ask(&mut self, frame: &Bytes) {
        self.one.send(TWO, Lane::Heartbeat, frame.clone());
        self.heard_by_one.heard.wait_for(frame.len());
    }

    fn pass(&mut self, piece: &Bytes, pieces: usize) {
        let source = Pieces { piece: piece.clone(), left: pieces };
        self.one.send_snapshot(TWO, Bytes::from_static(b"header"), Box::new(source));
        self.heard_by_two.heard.wait_for(pieces * piece.len());
        self.heard_by_one.heard.wait_for(1);
    }
}

impl Ours {
    /// Two members that reach each other by this part.
    fn of(part: &dyn TransportPart) -> Self {
        let directory = TempDir::new().expect("there is room for a directory");
        let own = self_made(directory.path(), &["127.0.0.1"], 1).expect("it can be made");
        let tls = Settings { own: Some(own), trusts_any_server: true, ..Settings::default() };
        let ears = [(); 2].map(|()| Arc::<Ear>::default());
        let runtimes = [(); 2].map(|()| thread());
        let start = |id, ear: &Arc<Ear>, runtime| start(part, id, Arc::clone(ear), &tls, runtime);
        let (one, at_one) = start(ONE, &ears[0], &runtimes[0]);
        let (two, at_two) = start(TWO, &ears[1], &runtimes[1]);
        let [peer_one, peer_two] =
            [(ONE, at_one), (TWO, at_two)].map(|(id, url)| Peer { id, urls: vec![url] });
        one.set_peers(&[peer_two]);
        two.set_peers(&[peer_one]);
        Self::between([one, two], ears, Some(runtimes))
    }

    fn within_memory() -> Self {
        let network = Network::default();
        let ears = [(); 2].map(|()| Arc::<Ear>::default());
        let join = |id, ear: &Arc<Ear>| network.join(CLUSTER, id, Arc::clone(ear) as _);
        let ends: [Arc<dyn Transport>; 2] =
            [Arc::new(join(ONE, &ears[0])), Arc::new(join(TWO, &ears[1]))];
        for (end, peer) in ends.iter().zip([TWO, ONE]) {
            end.set_peers(&[Peer { id: peer, urls: Vec::new() }]);
        }
        Self::between(ends, ears, None)
    }

    fn between(
        [one, two]: [Arc<dyn Transport>; 2],
        [heard_by_one, heard_by_two]: [Arc<Ear>; 2],
        runtimes: Option<[Runtime; 2]>,
    ) -> Self {
        while one.connected(TWO).is_none() || two.connected(ONE).is_none() {
            yield_now();
        }
        let told = heard_by_two.back.set(Arc::downgrade(&two));
        assert!(told.is_ok(), "it is told once");
        Self { one, _two: two, heard_by_one, heard_by_two, _runtimes: runtimes }
    }
}

/// A member without peers, and its URL.
fn start(
    part: &dyn TransportPart,
    id: NodeId,
    ear: Arc<Ear>,
    tls: &Settings,
    runtime: &Runtime,
) -> (Arc<dyn Transport>, String) {
    let over_quic = part.schemes().contains(&Scheme::Quic);
    let socket = over_quic.then(|| UdpSocket::bind("127.0.0.1:0").expect("a port is free"));
    let bound = socket.as_ref().map(|socket| socket.local_addr().expect("it is bound"));
    let options = TransportOptions {
        cluster: CLUSTER,
        id,
        urls: bound.iter().map(|address| format!("quic://{address}")).collect(),
        frame_bytes_max: 64 << 20,
        call_timeout: Duration::from_secs(7),
        connect_timeout: Duration::from_secs(2),
        snapshot_bytes_per_second: NonZeroU64::MAX,
    };
    let site = TransportSite {
        options,
        sockets: socket.into_iter().collect(),
        tls: tls.clone(),
        runtime: runtime.handle().clone(),
    };
    let Carrier { transport, served, .. } = part.start(site, ear).expect("nothing is in its way");
    let url = match bound {
        Some(address) => format!("quic://{address}"),
        None => format!("http://{}", serve(runtime, served)),
    };
    (transport, url)
}

fn measure(criterion: &mut Criterion, name: &str, way: &mut dyn Way) {
    let frames = vec![Bytes::from(vec![b'x'; FRAME_BYTES]); BATCH];
    let mut group = criterion.benchmark_group("send a hundred frames");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function(name, |bencher| bencher.iter(|| way.send(&frames)));
    group.finish();
    let heartbeat = Bytes::from(vec![b'x'; HEARTBEAT_BYTES]);
    let mut group = criterion.benchmark_group("there and back");
    group.bench_function(name, |bencher| bencher.iter(|| way.ask(&heartbeat)));
    group.finish();
    let piece = Bytes::from(vec![b'x'; PIECE_BYTES]);
    let mut group = criterion.benchmark_group("pass a snapshot of 32 MiB");
    group.throughput(Throughput::Bytes((PIECES * PIECE_BYTES) as u64));
    group.sample_size(20);
    group.bench_function(name, |bencher| bencher.iter(|| way.pass(&piece, PIECES)));
    group.finish();
}

fn transports(criterion: &mut Criterion) {
    let parts = Parts::compiled_in();
    for name in parts.transports.names() {
        let part = parts.transports.get(name).expect("it has just been named");
        measure(criterion, name, &mut Ours::of(&*part));
        if let Some(mut way) = connect(name) {
            measure(criterion, &format!("{name}, raw"), &mut *way);
        }
    }
    measure(criterion, "memory", &mut Ours::within_memory());
}

criterion_group!(benches, transports);
criterion_main!(benches);
