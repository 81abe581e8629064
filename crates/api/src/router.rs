//! The API as something to be served.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use host::Handle;
use proto::etcdserverpb::cluster_server::ClusterServer;
use proto::etcdserverpb::kv_server::KvServer;
use proto::etcdserverpb::lease_server::LeaseServer;
use proto::etcdserverpb::maintenance_server::MaintenanceServer;
use proto::etcdserverpb::watch_server::WatchServer;
use proto::health::health_server::HealthServer;
use tokio::sync::watch;

use crate::clients::Clients;
use crate::gate::{self, Rules};
use crate::http;
use crate::service::{Options, Service};

/// The API of a member.
pub struct Api(Service);

impl Api {
    /// The API of this member. Streams end when it is `stopping`, as they would not by themselves.
    /// To be called on the runtime that serves it.
    #[must_use]
    pub fn new(handle: Handle, options: Options, stopping: watch::Receiver<bool>) -> Self {
        Self(Service::new(handle, options, stopping))
    }

    /// What a member serves to its clients, and `others` beside it, as they are.
    ///
    /// # Panics
    ///
    /// When one of their paths is one of the API's.
    pub fn clients(&self, others: Router) -> Clients {
        let Self(service) = self;
        let limit = service.options.message_bytes_max();
        macro_rules! serve {
            ($server:ident) => {
                $server::new(service.clone()).max_decoding_message_size(limit)
            };
        }
        let standing = service.clone();
        let ask = Arc::new(move || standing.standing());
        let rules = Rules { ask, slow: service.options.slow_request };
        let rest = Router::new()
            .route_service("/etcdserverpb.Cluster/{method}", serve!(ClusterServer))
            .route_service("/etcdserverpb.KV/{method}", serve!(KvServer))
            .route_service("/etcdserverpb.Lease/{method}", serve!(LeaseServer))
            .route_service("/etcdserverpb.Maintenance/{method}", serve!(MaintenanceServer))
            .route_service("/etcdserverpb.Watch/{method}", serve!(WatchServer))
            .route_service("/grpc.health.v1.Health/{method}", serve!(HealthServer))
            .layer(middleware::from_fn_with_state(rules.clone(), gate::pass))
            .merge(http::pages(service.clone()))
            .merge(others);
        Clients::new(service.clone(), rules, rest)
    }

    /// What a member serves to those who look after it: how it is.
    pub fn checks(&self) -> Router {
        http::check_pages(self.0.clone())
    }

    /// What a member serves to other members, beside what carries frames between them.
    pub fn peers(&self) -> Router {
        http::peer_pages(self.0.clone())
    }
}
