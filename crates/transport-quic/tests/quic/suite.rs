//! It passes the contract's suite.

use std::collections::BTreeMap;
use std::sync::Arc;

use tls::authority::{Authority, Subject};
use transport::suite::{self, World};
use transport::{Peer, Sink, Transport};
use units::{ClusterId, NodeId};

use crate::member::{Place, Security};

struct Loopback {
    places: BTreeMap<NodeId, Place>,
    security: Security,
}

impl Loopback {
    fn new(security: Security) -> Self {
        Self { places: BTreeMap::new(), security }
    }
}

impl World for Loopback {
    fn peer(&mut self, id: NodeId) -> Peer {
        Peer { id, urls: vec![self.places.entry(id).or_insert_with(Place::new).url()] }
    }

    fn start(&mut self, cluster: ClusterId, id: NodeId, sink: Arc<dyn Sink>) -> Arc<dyn Transport> {
        let place = self.places.entry(id).or_insert_with(Place::new);
        Arc::new(place.start(cluster, id, &self.security.settings, sink).0)
    }

    fn stop(&mut self, id: NodeId) {
        self.places.entry(id).or_insert_with(Place::new).stop();
    }
}

#[test]
fn passes_the_suite_with_certificates_of_its_own_making() {
    suite::run(&mut || Box::new(Loopback::new(Security::self_made())));
}

#[test]
fn passes_the_suite_with_certificates_that_are_checked() {
    let authority = Authority::new("an authority");
    suite::run(&mut || {
        Box::new(Loopback::new(Security::certified(&authority, Subject::here("member"))))
    });
}
