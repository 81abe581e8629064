//! The numbers: windows, times, sizes.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use quinn::{
    AckFrequencyConfig, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt,
};
use rustix::net::sockopt;

use crate::congestion::ByDistance;

/// How long a connection may be silent before it counts as lost: etcd's five seconds.
const IDLE_TIMEOUT_MS: u32 = 5_000;

/// How often it says something if there is nothing to say, so that four in a row must be lost.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// What a stream may have on its way unread. The product of a fast network's rate and a distant
/// peer's answer time: 1 Gbit/s and 32 ms.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;

/// What a connection may have on its way unread: enough that three lanes, a snapshot and a dozen
/// questions fill their windows and none takes another's room.
pub(crate) const MEMBER_WINDOW_BYTES: u32 = 16 * STREAM_WINDOW_BYTES;

/// The same before it is known who has connected: an introduction, or a question by HTTP.
const STRANGER_WINDOW_BYTES: u32 = 64 << 10;

/// Questions that a member may ask at a time, and a snapshot.
pub(crate) const MEMBER_STREAMS_MAX: u32 = 64;

/// What may be sent and not yet acknowledged. It is no limit beside the windows, which each stream
/// has for itself: else a lane that is not read could take the room of another.
const UNACKNOWLEDGED_BYTES_MAX: u64 = 2 * MEMBER_WINDOW_BYTES as u64;

/// The largest datagram that is tried: a jumbo frame, less what IPv6 and UDP add. The loopback
/// device carries more, but a batch of frames is seldom longer.
const DATAGRAM_BYTES_MAX: u16 = 8_952;

/// What may be sent before anything is known of the path: the ten datagrams that RFC 9002 allows.
const INITIAL_WINDOW_BYTES: u64 = 10 * DATAGRAM_BYTES_MAX as u64;

/// What a round trip is taken for before there was one. Members are nearer to each other than the
/// browsers that RFC 9002 has in mind, and a lost greeting should not cost a second.
const INITIAL_RTT: Duration = Duration::from_millis(100);

/// How long an acknowledgement may be held back to go with others. Whoever has lost the last packet
/// of a batch waits so much longer before it tries again; QUIC's 25 ms are a quarter of a
/// heartbeat.
const ACK_DELAY: Duration = Duration::from_millis(5);

/// What the kernel may hold for a socket: a window of a stream. It gives less if it is told to.
const SOCKET_BYTES: usize = STREAM_WINDOW_BYTES as usize;

/// How connections behave, on both sides.
pub(crate) fn transport() -> Arc<TransportConfig> {
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(DATAGRAM_BYTES_MAX);
    let mut acknowledging = AckFrequencyConfig::default();
    acknowledging.max_ack_delay(Some(ACK_DELAY));
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_TIMEOUT_MS))))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(STRANGER_WINDOW_BYTES))
        .send_window(UNACKNOWLEDGED_BYTES_MAX)
        .initial_rtt(INITIAL_RTT)
        .mtu_discovery_config(Some(discovery))
        .ack_frequency_config(Some(acknowledging))
        .congestion_controller_factory(Arc::new(ByDistance::new(INITIAL_WINDOW_BYTES)))
        .datagram_receive_buffer_size(None);
    Arc::new(config)
}

/// What an endpoint receives.
pub(crate) fn endpoint() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config.max_udp_payload_size(DATAGRAM_BYTES_MAX).expect("it is above QUIC's least, 1200");
    config
}

/// Makes room in the kernel.
pub(crate) fn enlarge(socket: &UdpSocket) -> io::Result<()> {
    sockopt::set_socket_recv_buffer_size(socket, SOCKET_BYTES)?;
    sockopt::set_socket_send_buffer_size(socket, SOCKET_BYTES)?;
    Ok(())
}
