//! What becomes of frames on paths that are not in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use transport::suite::{Heard, Recorder};
use transport::{Lane, Peer, Transport};
use transport_quic::Quic;
use units::{ClusterId, NodeId};

use crate::member::{Place, Security};
use crate::network::{Faults, Network};

const CLUSTER: ClusterId = ClusterId(0xc1);
const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

/// Two members, of which the first reaches the second through a network.
struct Pair {
    network: Network,
    one: Quic,
    heard_by_one: Arc<Recorder>,
    heard: Arc<Recorder>,
    _two: Quic,
    _places: (Place, Place),
    /// Whose files are looked at with each handshake.
    _security: Security,
}

impl Pair {
    fn new(faults: Faults) -> Self {
        let security = Security::self_made();
        let (mut here, mut there) = (Place::new(), Place::new());
        let network = Network::before(there.address(), faults);
        let (heard_by_one, heard) = (Recorder::new(), Recorder::new());
        let (one, _) = here.start(CLUSTER, ONE, &security.settings, heard_by_one.clone());
        let (two, _) = there.start(CLUSTER, TWO, &security.settings, heard.clone());
        two.set_peers(&[Peer { id: ONE, urls: vec![here.url()] }]);
        one.set_peers(&[Peer { id: TWO, urls: vec![network.url()] }]);
        let _places = (here, there);
        Self { network, one, heard_by_one, heard, _two: two, _places, _security: security }
    }

    fn send(&self, lane: Lane, numbers: std::ops::Range<u32>) {
        for number in numbers {
            let mut frame = number.to_le_bytes().to_vec();
            frame.resize(4 + number as usize % 3000, 7);
            self.one.send(TWO, lane, Bytes::from(frame));
        }
    }
}

fn numbers(heard: &Heard, lane: Lane) -> Vec<u32> {
    let of_lane = heard.frames.iter().filter(|(_, on, _)| *on == lane);
    of_lane.map(|(_, _, f)| u32::from_le_bytes([f[0], f[1], f[2], f[3]])).collect()
}

#[test]
fn what_is_lost_on_the_way_is_sent_again_and_in_order() {
    for seed in 0..3 {
        let delay = Duration::from_millis(2);
        let pair = Pair::new(Faults { seed, lost: 10, lost_back: 10, delay });
        for lane in Lane::ALL {
            pair.send(lane, 0..300);
        }
        pair.heard.wait_until("all arrive", |heard| {
            Lane::ALL.into_iter().all(|lane| numbers(heard, lane) == Vec::from_iter(0..300))
        });
        let lost = |heard: &Heard| heard.unreachable.is_empty();
        pair.heard_by_one.wait_until("nothing was given up", lost);
    }
}

#[test]
fn a_connection_survives_a_change_of_addresses() {
    let pair = Pair::new(Faults::NONE);
    pair.send(Lane::Append, 0..100);
    pair.heard.wait_until("they arrive", |heard| heard.frames.len() == 100);
    let begin = Instant::now();
    for round in 1..4 {
        pair.network.move_away();
        pair.send(Lane::Append, round * 100..(round + 1) * 100);
        let count = (round as usize + 1) * 100;
        pair.heard.wait_until("the next arrive", |heard| heard.frames.len() == count);
    }
    pair.heard
        .wait_until("in order", |heard| numbers(heard, Lane::Append) == Vec::from_iter(0..400));
    let connected = pair.one.connected(TWO).expect("it was never lost");
    assert!(connected >= begin.elapsed(), "there was another connection in between");
    pair.heard_by_one.wait_until("nothing was given up", |heard| heard.unreachable.is_empty());
}
