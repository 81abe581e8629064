//! The network inside the process passes the suite.

use std::sync::Arc;

use transport::memory::Network;
use transport::suite::{self, World};
use transport::{Peer, Sink, Transport};
use units::{ClusterId, NodeId};

struct Memory(Network);

impl World for Memory {
    fn peer(&mut self, id: NodeId) -> Peer {
        Peer { id, urls: vec![format!("memory:{id}")] }
    }

    fn start(&mut self, cluster: ClusterId, id: NodeId, sink: Arc<dyn Sink>) -> Arc<dyn Transport> {
        Arc::new(self.0.join(cluster, id, sink))
    }

    fn stop(&mut self, id: NodeId) {
        self.0.leave(id);
    }
}

#[test]
fn passes_the_suite() {
    suite::run(&mut || Box::new(Memory(Network::default())));
}

#[test]
fn loses_on_demand() {
    let network = Network::default();
    let heard = suite::Recorder::new();
    let (one, two) = (NodeId(1), NodeId(2));
    let sender = network.join(ClusterId(7), one, suite::Recorder::new());
    let _receiver = network.join(ClusterId(7), two, heard.clone());
    sender.set_peers(&[Peer { id: two, urls: vec![] }]);
    network.lose(one, two, 1);
    sender.send(two, transport::Lane::Append, "lost".into());
    sender.send(two, transport::Lane::Append, "kept".into());
    heard.wait_until("the second frame arrives", |heard| !heard.frames.is_empty());
    heard.wait_until("and it alone", |heard| heard.frames[0].2 == "kept");

    network.cut(one, two);
    assert_eq!(sender.connected(two), None);
    network.mend();
    assert!(sender.connected(two).is_some());
}
