//! A few connections for many clients.

use proto::etcdserverpb::RangeRequest;
use proto::etcdserverpb::kv_client::KvClient;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Error};

/// Room for a page of results in flight, so that flow control is not what is measured.
const WINDOW_BYTES: u32 = 4 << 20;

/// HTTP/2 connections, spread evenly over the members.
#[derive(Clone, Debug)]
pub struct Connections {
    clients: Vec<KvClient<Channel>>,
}

impl Connections {
    /// Opens this many connections, at least one.
    ///
    /// # Errors
    ///
    /// When a member cannot be reached.
    pub async fn open(endpoints: &[String], count: usize) -> Result<Self, Error> {
        let mut clients = Vec::with_capacity(count);
        for endpoint in endpoints.iter().cycle().take(count.max(1)) {
            let channel = Endpoint::from_shared(endpoint.clone())?
                .tcp_nodelay(true)
                .initial_stream_window_size(WINDOW_BYTES)
                .initial_connection_window_size(WINDOW_BYTES)
                .connect()
                .await?;
            clients.push(KvClient::new(channel));
        }
        Ok(Self { clients })
    }

    /// One linearizable get of a key that need not be there.
    ///
    /// # Errors
    ///
    /// When it is not answered.
    pub async fn get_any(&self) -> Result<(), Status> {
        let request = RangeRequest { key: "any".into(), ..RangeRequest::default() };
        self.client(0).range(request).await.map(drop)
    }

    /// A client's handle on its connection: the n-th of them takes the n-th connection, in turn.
    pub fn client(&self, n: usize) -> KvClient<Channel> {
        self.clients[n % self.clients.len()].clone()
    }
}
