//! A running member, as those who serve clients see it.

use std::sync::Arc;

use node::Urgency;
use raftlog::Identity;
use state::{Command, Fault, MemberChange, Members, Outcome, Published, TimeToLive, Version};
use tokio::sync::watch;
use transport::Transport;
use units::{LeaseId, NodeId, Revision};

use crate::leading::Leading;
use crate::leases::Keys;
use crate::requests::On;
use crate::running::Running;
use crate::shared::Shared;
use crate::streams::WatchStream;
use crate::{Config, Ending, Error, versions};

/// A running member. Clones are the same member, which runs until it is [stopped](Self::stop), ends
/// by itself, or the last clone is dropped, which is as if its process was killed.
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Running>);

/// A keyspace in short, by which members are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// The hash.
    pub hash: u32,
    /// Up to which revision it goes.
    pub revision: Revision,
    /// From where on: what was compacted is not in it.
    pub compacted: Revision,
    /// The newest revision at the member.
    pub newest: Revision,
}

impl Handle {
    /// Who this is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.shared().identity
    }

    /// How it behaves.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared().config
    }

    /// Who leads.
    #[must_use]
    pub fn leading(&self) -> Leading {
        self.shared().leading()
    }

    /// Who leads, and whoever leads then.
    #[must_use]
    pub fn watch_leading(&self) -> watch::Receiver<Leading> {
        self.shared().leading.subscribe()
    }

    /// What is applied here, which may be behind what was agreed on; see
    /// [`linearize`](Self::linearize).
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        self.shared().published()
    }

    /// What is applied here, and what is applied then.
    #[must_use]
    pub fn watch_published(&self) -> watch::Receiver<Arc<Published>> {
        self.shared().published.subscribe()
    }

    /// A look at the node: consensus, and what waits.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`], or [`Error::TooManyRequests`].
    pub async fn status(&self) -> Result<node::Status, Error> {
        self.shared().status().await
    }

    /// Bytes of the engine; none once the member has stopped.
    #[must_use]
    pub fn engine_stats(&self) -> backend::Stats {
        self.shared().engine_stats()
    }

    /// For how long the member could be reached, or `None` if it cannot be.
    #[must_use]
    pub fn connected(&self, peer: NodeId) -> Option<std::time::Duration> {
        let transport = self.shared().transport();
        transport.and_then(|transport: Arc<dyn Transport>| transport.connected(peer))
    }

    /// A number that is drawn once, on any member: as the ids of requests, so that a lease may be
    /// named by it.
    #[must_use]
    pub fn draw_id(&self) -> u64 {
        self.shared().ids.draw()
    }

    /// Has a command agreed on and applied; what its header says of the user stays, the rest is set
    /// here.
    ///
    /// # Errors
    ///
    /// A refusal; or that nobody knows whether it was done.
    pub fn propose(&self, command: Command) -> impl Future<Output = Result<Outcome, Error>> + Send {
        self.shared().propose(command, Urgency::Ordinary, On::Request)
    }

    /// Has a change of members agreed on and applied, if it is safe.
    ///
    /// # Errors
    ///
    /// A refusal; or that nobody knows whether it was done.
    pub async fn change(&self, change: MemberChange) -> Result<Arc<Members>, Error> {
        self.shared().change_members(change).await
    }

    /// Waits until what is [published](Self::published) shows every write that was completed before
    /// this was called, anywhere in the cluster.
    ///
    /// # Errors
    ///
    /// When that could not be made sure of.
    pub async fn linearize(&self) -> Result<(), Error> {
        self.shared().linearize(self.shared().request_timeout()).await
    }

    /// Reads what may take long, on a thread for that; see also [`glance`](Self::glance).
    ///
    /// # Errors
    ///
    /// [`Error::TooManyRequests`] when too many wait for such a thread; [`Error::Stopped`], also
    /// when the engine turned out to be at fault.
    pub async fn read<T, F>(&self, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Published) -> Result<T, Fault> + Send + 'static,
    {
        let shared = self.shared();
        let Ok(_place) = shared.reads_waiting.try_acquire() else {
            return Err(Error::TooManyRequests);
        };
        shared.read(read).await
    }

    /// Reads here and now what takes no more than a few looks at the engine. Its caches answer most
    /// of them, and another thread would cost several times what the read does.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`], when the engine turned out to be at fault.
    pub fn glance<T>(&self, read: impl FnOnce(&Published) -> Result<T, Fault>) -> Result<T, Error> {
        read(&self.published()).map_err(|fault| self.fault(fault))
    }

    /// A read of what is published has met a fault: the member ends.
    pub fn fault(&self, fault: Fault) -> Error {
        self.shared().end(fault.into());
        Error::Stopped
    }

    /// A stream of watchers.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`], or [`Error::TooManyRequests`].
    pub fn watch(&self) -> Result<WatchStream, Error> {
        WatchStream::open(self.shared())
    }

    /// Renews a lease, wherever its leader is: its TTL in seconds, or `None` if it is gone.
    ///
    /// # Errors
    ///
    /// When the leader could not be asked.
    pub async fn keep_alive(&self, id: LeaseId) -> Result<Option<i64>, Error> {
        self.shared().keep_alive(id).await
    }

    /// What is left of a lease, as the leader knows it; `None` if there is none.
    ///
    /// # Errors
    ///
    /// When the leader could not be asked.
    pub async fn time_to_live(&self, id: LeaseId, keys: Keys) -> Result<Option<TimeToLive>, Error> {
        self.shared().time_to_live(id, keys).await
    }

    /// All leases that this member knows of; on the leader the next to fall due first.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`], or [`Error::TooManyRequests`].
    pub async fn leases(&self) -> Result<Vec<LeaseId>, Error> {
        self.shared().leases().await
    }

    /// Hands leadership over to a voter, and waits until that has happened.
    ///
    /// # Errors
    ///
    /// [`Error::NotLeader`], [`Error::BadTransferee`], or that it took too long.
    pub async fn transfer(&self, to: NodeId) -> Result<(), Error> {
        if !self.shared().leads() {
            return Err(Error::NotLeader);
        }
        self.shared().transfer(to).await
    }

    /// The keyspace of a member in short, as of a revision; 0 is its newest.
    ///
    /// # Errors
    ///
    /// When the member could not be asked, or cannot read the revision.
    pub async fn hash(&self, of: NodeId, revision: Revision) -> Result<Hashed, Error> {
        self.shared().hash(of, revision).await
    }

    /// What a member speaks, as far as it can be found out.
    pub async fn version(&self, of: NodeId) -> Option<Version> {
        if of == self.identity().node {
            return Some(self.config().version);
        }
        versions::version_of(self.shared(), of).await
    }

    /// Waits until the cluster knows this member as it is: then clients may come.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`].
    pub async fn ready(&self) -> Result<(), Error> {
        let mut published = self.watch_published();
        let mut ending = self.shared().ending.subscribe();
        tokio::select! {
            known = published.wait_for(|seen| versions::is_published(self.shared(), seen)) => {
                known.map(|_| ()).map_err(|_| Error::Stopped)
            }
            _ = ending.wait_for(Option::is_some) => Err(Error::Stopped),
        }
    }

    /// Waits until the member has ended; why.
    pub async fn ended(&self) -> Ending {
        let mut ending = self.shared().ending.subscribe();
        let ended = ending.wait_for(Option::is_some).await;
        ended.ok().and_then(|ended| ended.clone()).unwrap_or(Ending::Asked)
    }

    /// Stops the member: leadership goes to another voter first, if there is one; then what is
    /// under way is finished, and made durable. Then engine and log may be opened again, also while
    /// clones of this are left. Why it ended, if it had before.
    pub async fn stop(&self) -> Ending {
        self.0.stop().await;
        self.ended().await
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }
}
