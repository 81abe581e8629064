//! `quinn`: bytes on streams, between endpoints that are set up as ours are.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;

use bytes::Bytes;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, MtuDiscoveryConfig, RecvStream, SendStream,
    ServerConfig, TokioRuntime, TransportConfig, VarInt,
};
use tempfile::TempDir;
use tls::{Acceptor, Connector, Settings};
use tokio::runtime::Runtime;

use super::{Heard, Way, thread};

/// What ours sets: bytes of a datagram, and what may be on its way unread.
const DATAGRAM_BYTES_MAX: u16 = 8_952;
const WINDOW_BYTES: u32 = 4 << 20;

/// Chunks that are taken at one go.
const CHUNKS_MAX: usize = 16;

const PROTOCOL: &[u8] = b"raw";
const THERE: &str = "the other end is there as long as this";

pub(super) struct Quinn {
    heard: Arc<Heard>,
    connection: Connection,
    say: SendStream,
    ask: (SendStream, RecvStream),
    speaker: Runtime,
    _listener: Runtime,
}

impl Quinn {
    pub(super) fn connect() -> Self {
        let (speaker, listener) = (thread(), thread());
        let directory = TempDir::new().expect("there is room for a directory");
        let own = tls::self_made(directory.path(), &["127.0.0.1"], 1).expect("it can be made");
        let settings = Settings { own: Some(own), trusts_any_server: true, ..Settings::default() };
        let heard = Arc::<Heard>::default();
        let accepting = endpoint(&listener, Some(server(&settings)));
        let address = accepting.local_addr().expect("it is bound");
        listener.spawn(hear(accepting, Arc::clone(&heard)));
        let dialing = endpoint(&speaker, None);
        let (connection, say, ask) = speaker.block_on(async {
            let connecting = dialing.connect_with(client(&settings), address, "127.0.0.1");
            let connection = connecting.expect("it can be tried").await.expect(THERE);
            let say = connection.open_uni().await.expect(THERE);
            let ask = connection.open_bi().await.expect(THERE);
            (connection, say, ask)
        });
        Self { heard, connection, say, ask, speaker, _listener: listener }
    }
}

fn endpoint(runtime: &Runtime, server: Option<ServerConfig>) -> Endpoint {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let mut config = EndpointConfig::default();
    config.max_udp_payload_size(DATAGRAM_BYTES_MAX).expect("it is above QUIC's least");
    let _within = runtime.enter();
    Endpoint::new(config, server, socket, Arc::new(TokioRuntime)).expect("it is bound")
}

fn transport() -> Arc<TransportConfig> {
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(DATAGRAM_BYTES_MAX);
    let mut config = TransportConfig::default();
    config
        .mtu_discovery_config(Some(discovery))
        .stream_receive_window(VarInt::from_u32(WINDOW_BYTES));
    Arc::new(config)
}

fn server(settings: &Settings) -> ServerConfig {
    let secured = Acceptor::new(settings, &[PROTOCOL]).config().expect("it can be used");
    let secured = QuicServerConfig::try_from(secured).expect("it has TLS 1.3");
    let mut config = ServerConfig::with_crypto(Arc::new(secured));
    config.transport_config(transport());
    config
}

fn client(settings: &Settings) -> ClientConfig {
    let secured = Connector::new(settings, &[PROTOCOL]).config().expect("it can be used");
    let secured = QuicClientConfig::try_from(secured).expect("it has TLS 1.3");
    let mut config = ClientConfig::new(Arc::new(secured));
    config.transport_config(transport());
    config
}

impl Way for Quinn {
    fn send(&mut self, frames: &[Bytes]) {
        let mut chunks = frames.to_vec();
        self.speaker.block_on(self.say.write_all_chunks(&mut chunks)).expect(THERE);
        self.heard.wait_for(frames.iter().map(Bytes::len).sum());
    }

    fn ask(&mut self, frame: &Bytes) {
        let (say, hear) = &mut self.ask;
        self.speaker.block_on(async {
            say.write_chunk(frame.clone()).await.expect(THERE);
            let mut answer = vec![0; frame.len()];
            hear.read_exact(&mut answer).await.expect(THERE);
        });
    }

    fn pass(&mut self, piece: &Bytes, pieces: usize) {
        let connection = &self.connection;
        self.speaker.block_on(async {
            let mut stream = connection.open_uni().await.expect(THERE);
            for _ in 0..pieces {
                stream.write_chunk(piece.clone()).await.expect(THERE);
            }
            stream.finish().expect(THERE);
        });
        self.heard.wait_for(pieces * piece.len());
    }
}

/// Counts what comes on streams in one direction, and sends back what comes on others.
async fn hear(endpoint: Endpoint, heard: Arc<Heard>) {
    let connecting = endpoint.accept().await.expect(THERE);
    let connection = connecting.await.expect(THERE);
    loop {
        tokio::select! {
            Ok(stream) = connection.accept_uni() => {
                tokio::spawn(count(stream, Arc::clone(&heard)));
            }
            Ok(stream) = connection.accept_bi() => {
                tokio::spawn(echo(stream));
            }
            else => return,
        }
    }
}

async fn count(mut stream: RecvStream, heard: Arc<Heard>) {
    let mut chunks = [const { Bytes::new() }; CHUNKS_MAX];
    while let Ok(Some(count)) = stream.read_chunks(&mut chunks).await {
        heard.add(chunks[..count].iter().map(Bytes::len).sum());
    }
}

async fn echo((mut say, mut hear): (SendStream, RecvStream)) {
    while let Ok(Some(chunk)) = hear.read_chunk(usize::MAX, true).await {
        say.write_chunk(chunk.bytes).await.expect(THERE);
    }
}
