//! The client itself: what it speaks to, and how.

use std::sync::Arc;
use std::time::Duration;

use tonic::Request;
use tonic::metadata::MetadataValue;

use crate::error::Error;
use crate::pool::Pool;
use crate::watch::Sessions;

/// How a client speaks to its members.
#[derive(Clone, Debug)]
pub struct Options {
    /// The members: `host:port`, or a URL with `http` or `https`.
    pub endpoints: Vec<String>,
    /// How connections are secured, but for those to `http`. If there is nothing, only those to
    /// `https` are, to members whom the machine's authorities trust.
    pub tls: Option<tls::Settings>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a call may take, with all its attempts; for ever, if there is none.
    pub timeout: Option<Duration>,
    /// How often a connection in use is tested; 10 s at least, else servers hang up.
    pub keep_alive_every: Duration,
    /// How long a member may take to answer a test.
    pub keep_alive_timeout: Duration,
    /// The longest message to take in.
    pub receive_bytes_max: usize,
    /// The longest message to send.
    pub send_bytes_max: usize,
}

impl Options {
    /// etcd's own defaults, with a timeout of five seconds.
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            tls: None,
            connect_timeout: Duration::from_secs(2),
            timeout: Some(Duration::from_secs(5)),
            keep_alive_every: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(6),
            receive_bytes_max: i32::MAX as usize,
            send_bytes_max: 2 << 20,
        }
    }
}

/// A client of one cluster. Clones share its connections and its watch streams.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) pool: Arc<Pool>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) require_leader: bool,
    options: Arc<Options>,
}

impl Client {
    /// A client that connects when it is first used. Its connections live on the Tokio runtime that
    /// this is called on.
    ///
    /// # Errors
    ///
    /// When there is no endpoint, or one that cannot be spoken to, or files of TLS cannot be used.
    pub fn new(options: Options) -> Result<Self, Error> {
        let pool = Arc::new(Pool::new(&options)?);
        Ok(Self {
            sessions: Arc::new(Sessions::new(&pool)),
            pool,
            timeout: options.timeout,
            require_leader: false,
            options: Arc::new(options),
        })
    }

    /// A client of one member, with the same options: for what is asked of a member and not of the
    /// cluster.
    ///
    /// # Errors
    ///
    /// When this endpoint cannot be spoken to.
    pub fn at(&self, endpoint: &str) -> Result<Self, Error> {
        Self::new(Options { endpoints: vec![endpoint.to_owned()], ..(*self.options).clone() })
    }

    /// The members, as they were given.
    pub fn endpoints(&self) -> &[String] {
        &self.options.endpoints
    }

    /// The same client with another timeout.
    pub fn with_timeout(&self, timeout: Option<Duration>) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// The same client, but members that know no leader refuse its calls, and end its watches when
    /// they have lost one.
    pub fn requiring_leader(&self) -> Self {
        Self { require_leader: true, ..self.clone() }
    }

    pub(crate) fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        if self.require_leader {
            require_leader(&mut request);
        }
        request
    }
}

/// Marks a request as etcd's clients do.
pub(crate) fn require_leader<M>(request: &mut Request<M>) {
    request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
}
