//! Why streams end that would go on for ever: the member stops, or the cluster has lost its leader
//! and the client wants to hear of that.

use std::sync::Arc;
use std::time::Duration;

use host::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::{error, gate};

/// Looks, once an election timeout, that in a row must find no leader: etcd's number.
const LOOKS: u32 = 3;

/// What ends streams. Watches whether there is a leader, for as long as it exists.
#[derive(Clone)]
pub(crate) struct Ends {
    stopping: watch::Receiver<bool>,
    leader_lost: watch::Receiver<bool>,
    _looking: Arc<Looking>,
}

/// What ends one stream.
pub(crate) struct End {
    stopping: watch::Receiver<bool>,
    /// If its client wants to hear of that.
    leader_lost: Option<watch::Receiver<bool>>,
}

/// A task that ends with this.
struct Looking(JoinHandle<()>);

impl Ends {
    /// Begins to watch, on the runtime that this is called from.
    pub(crate) fn new(
        handle: Handle,
        election_timeout: Duration,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let (tell, leader_lost) = watch::channel(false);
        let looking = tokio::spawn(async move {
            let mut looks = time::interval(election_timeout);
            let mut in_vain = 0;
            loop {
                looks.tick().await;
                let has_leader = handle.leading().leadership.leader.is_some();
                in_vain = if has_leader { 0 } else { in_vain + 1 };
                tell.send_if_modified(|lost| {
                    std::mem::replace(lost, in_vain >= LOOKS) != (in_vain >= LOOKS)
                });
            }
        });
        Self { stopping, leader_lost, _looking: Arc::new(Looking(looking)) }
    }

    /// What ends a stream whose client said this.
    pub(crate) fn of(&self, metadata: &MetadataMap) -> End {
        let requires_leader = gate::requires_leader(metadata.as_ref());
        End {
            stopping: self.stopping.clone(),
            leader_lost: requires_leader.then(|| self.leader_lost.clone()),
        }
    }
}

impl End {
    /// Waits for the end, and says why it comes.
    pub(crate) async fn comes(&mut self) -> Status {
        let Self { stopping, leader_lost } = self;
        let lost = async {
            match leader_lost {
                Some(lost) => is_so(lost).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = is_so(stopping) => error::stopped(),
            () = lost => error::no_leader(),
        }
    }
}

/// Waits until it is so; for ever if nobody can tell any more.
async fn is_so(told: &mut watch::Receiver<bool>) {
    if told.wait_for(|told| *told).await.is_err() {
        std::future::pending().await
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.abort();
    }
}
