//! Streams that their clients want to end when the cluster has lost its leader.

use std::time::Duration;

use host::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time;

/// Looks, once an election timeout, that in a row must find no leader: etcd's number.
const LOOKS: u32 = 3;

/// Watches whether there is a leader, for as long as it exists.
pub(crate) struct Leadership {
    lost: watch::Receiver<bool>,
    watching: JoinHandle<()>,
}

impl Leadership {
    /// Begins to watch, on the runtime that this is called from.
    pub(crate) fn new(handle: Handle, election_timeout: Duration) -> Self {
        let (tell, lost) = watch::channel(false);
        let watching = tokio::spawn(async move {
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
        Self { lost, watching }
    }

    /// What a stream waits for: whether the leader is lost.
    pub(crate) fn lost(&self) -> watch::Receiver<bool> {
        self.lost.clone()
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// Ends when the leader is lost, if the stream's client wants that; never else.
pub(crate) async fn lost(watched: &mut Option<watch::Receiver<bool>>) {
    if let Some(lost) = watched
        && lost.wait_for(|lost| *lost).await.is_ok()
    {
        return;
    }
    // Nobody tells any more when the member stops, which ends the stream by itself.
    std::future::pending().await
}
