//! How much may be on its way: Cubic to members that are near, BBR to those that are far.
//!
//! On a short way packets are lost where something is full, and Cubic, which then takes a third
//! away, is as fast as `quinn` gets. On a long way they are also lost for nothing, each loss is
//! heard of late, and the window that Cubic took away takes many round trips to come back; BBR
//! holds on to the rate at which packets arrive. On the loopback device BBR is slower
//! (`benches/NUMBERS.md`).

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::congestion::{Bbr, BbrConfig, Controller, ControllerFactory, Cubic, CubicConfig};
use quinn_proto::RttEstimator;

/// The shortest round trip of those that are far: longer than a way through a city with its
/// queues, shorter than one to the next.
const FAR: Duration = Duration::from_millis(10);

/// What may be on a long way at most: what 1 Gbit/s brings in 32 ms. `quinn`'s BBR widens its
/// window for as long as there is less to say than would fill it, which among members is always,
/// and makes no end of that.
const FAR_BYTES_MAX: u64 = 4 << 20;

/// What connections begin with.
pub(crate) struct ByDistance {
    near: Arc<CubicConfig>,
    far: Arc<BbrConfig>,
}

impl ByDistance {
    /// `initial_window`, in bytes, is what may be sent before anything is known of the path.
    pub(crate) fn new(initial_window: u64) -> Self {
        let (mut near, mut far) = (CubicConfig::default(), BbrConfig::default());
        near.initial_window(initial_window);
        far.initial_window(initial_window);
        Self { near: Arc::new(near), far: Arc::new(far) }
    }
}

impl ControllerFactory for ByDistance {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Either {
            near: Cubic::new(Arc::clone(&self.near), now, current_mtu),
            far: Bbr::new(Arc::clone(&self.far), current_mtu),
            is_far: false,
        })
    }
}

/// Both, each told of all that happens, so that either can be asked at any time.
#[derive(Clone)]
struct Either {
    near: Cubic,
    far: Bbr,
    /// Whether no round trip of this path was ever short: one that waited in queues or for a
    /// processor says nothing of the way.
    is_far: bool,
}

impl Either {
    fn window_of(&self, is_far: bool) -> u64 {
        if is_far { self.far.window().min(FAR_BYTES_MAX) } else { self.near.window() }
    }
}

impl Controller for Either {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.near.on_sent(now, bytes, last_packet_number);
        self.far.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.is_far = rtt.min() >= FAR;
        self.near.on_ack(now, sent, bytes, app_limited, rtt);
        self.far.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        self.near.on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
        self.far.on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.near.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
        self.far.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.near.on_mtu_update(new_mtu);
        self.far.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.window_of(self.is_far)
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.near.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests;
