//! What a member is put together from, beside its configuration.

use std::fmt;

use axum::Router;
use host::Handle;

use crate::{Config, Error, Member, Parts};

/// What a member is put together from: the parts to choose from, and what else it serves. The
/// program has the [usual](Self::usual) one; whoever embeds members has others.
pub struct Assembly {
    pub(crate) parts: Parts,
    pub(crate) routes: Routes,
}

/// Makes what is served beside etcd's API, once there is a member to do it with.
type Routes = Box<dyn FnOnce(&Handle) -> Router + Send>;

impl Assembly {
    /// The parts that are compiled in, and etcd's API alone.
    #[must_use]
    pub fn usual() -> Self {
        Self::of(Parts::compiled_in())
    }

    /// These parts, and etcd's API alone.
    #[must_use]
    pub fn of(parts: Parts) -> Self {
        Self { parts, routes: Box::new(|_| Router::new()) }
    }

    /// Serves this too where clients are served, in the place of what another call wanted served:
    /// services of gRPC (a `tonic` server is routed at `/package.Service/{method}`) or pages.
    /// `make` is called once, before the member has joined its cluster; what it makes may keep the
    /// handle.
    ///
    /// A path that etcd's API has is a panic when the member starts, after its directory is made.
    #[must_use]
    pub fn serving(self, make: impl FnOnce(&Handle) -> Router + Send + 'static) -> Self {
        Self { routes: Box::new(make), ..self }
    }

    /// Starts a member and returns when it has joined its cluster and serves clients, which takes
    /// until a majority of members runs. Dropping the future ends it.
    ///
    /// # Errors
    ///
    /// Whatever is in the way; nothing was touched then that is not ours.
    pub async fn start(self, config: Config) -> Result<Member, Error> {
        Member::assemble(self, config).await
    }
}

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembly").field("parts", &self.parts).finish_non_exhaustive()
    }
}
