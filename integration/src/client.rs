//! A client over gRPC, as plain as can be: one request at a time, and never a second try.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::{PutRequest, RangeRequest, StatusRequest};
use proto::mvccpb::KeyValue;
use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Channel, Endpoint};
use ureq::Agent;

/// A server gives up on a request after 7 s (5 s and two election timeouts); a client should hear
/// that from it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(12);

/// How many records one page of a long read holds.
const PAGE_LEN: i64 = 1_000;

/// Speaks to one of several members, and turns to the next after a failure. It never repeats a
/// request by itself, so that whoever asked knows what may have happened twice.
#[derive(Debug)]
pub struct Client {
    runtime: Runtime,
    agent: Agent,
    timeout: Duration,
    endpoints: Vec<String>,
    current: usize,
    /// To the current member, once something was asked of it.
    channel: Option<Channel>,
}

/// Why a request has no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The server said no. Some refusals still leave open whether the request happened, such as a
    /// timeout.
    Refused {
        /// gRPC's status code.
        code: i64,
        /// etcd's error text.
        message: String,
    },
    /// Nothing that could be understood came back.
    Lost(String),
}

/// Whether a read must see every write that was acknowledged before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Consistency {
    /// It must, and needs a majority for it.
    Linearizable,
    /// It sees what this member has applied.
    Serializable,
}

/// A key and what is known of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// The revision that created it.
    pub create_revision: i64,
    /// The revision that wrote it last.
    pub mod_revision: i64,
    /// How often it was written since its creation.
    pub version: i64,
}

/// What a member says of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Status {
    /// Its id.
    pub member_id: u64,
    /// Whom it takes for the leader; 0 for nobody.
    pub leader: u64,
    /// The newest revision it has applied.
    pub revision: i64,
    /// The raft term.
    pub raft_term: u64,
    /// The last log entry it knows to be committed.
    pub raft_index: u64,
    /// The last log entry it has applied.
    pub raft_applied_index: u64,
    /// Whether it learns only.
    pub is_learner: bool,
    /// What is wrong with it: alarms, or no leader.
    pub errors: Vec<String>,
}

impl Client {
    /// A client of these members.
    pub fn new(endpoints: Vec<String>) -> Self {
        Self::with_timeout(endpoints, REQUEST_TIMEOUT)
    }

    /// A client of these members that gives a request up sooner or later than others.
    pub fn with_timeout(endpoints: Vec<String>, timeout: Duration) -> Self {
        assert!(!endpoints.is_empty(), "a client needs somebody to speak to");
        let agent = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .new_agent();
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a thread can wait for one request");
        Self { runtime, agent, timeout, endpoints, current: 0, channel: None }
    }

    /// Turns to the next member.
    pub fn turn(&mut self) {
        self.current = (self.current + 1) % self.endpoints.len();
        self.channel = None;
    }

    /// One request; after a failure the next one goes to the next member.
    fn call<T, F>(&mut self, ask: impl FnOnce(Channel) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        let address = self.endpoints[self.current].clone();
        let connected = self.channel.clone();
        let timeout = self.timeout;
        let result = self.runtime.block_on(async {
            let exchange = async {
                let channel = match connected {
                    Some(channel) => channel,
                    None => {
                        let endpoint = Endpoint::from_shared(address);
                        let endpoint = endpoint.map_err(|error| lost(&error))?;
                        endpoint.connect().await.map_err(|error| lost(&error))?
                    }
                };
                let answer = ask(channel.clone()).await.map_err(|status| refused(&status))?;
                Ok((channel, answer.into_inner()))
            };
            let ran = tokio::time::timeout(timeout, exchange).await;
            ran.unwrap_or_else(|_| Err(Failure::Lost(format!("nothing within {timeout:?}"))))
        });
        match result {
            Ok((channel, answer)) => {
                self.channel = Some(channel);
                Ok(answer)
            }
            Err(failure) => {
                self.turn();
                Err(failure)
            }
        }
    }

    /// Writes a key; the revision that did.
    ///
    /// # Errors
    ///
    /// When the server refuses it, or cannot be understood; the next request then goes to the next
    /// member.
    pub fn put(&mut self, key: &str, value: &str) -> Result<i64, Failure> {
        let (key, value) = (key.to_owned().into(), value.to_owned().into());
        let request = PutRequest { key, value, ..PutRequest::default() };
        let answer = self.call(|channel| async { KvClient::new(channel).put(request).await })?;
        Ok(answer.header.map_or(0, |header| header.revision))
    }

    /// Reads a key.
    ///
    /// # Errors
    ///
    /// As [`Client::put`].
    pub fn get(&mut self, key: &str, consistency: Consistency) -> Result<Option<Record>, Failure> {
        let request = RangeRequest {
            key: key.to_owned().into(),
            serializable: consistency == Consistency::Serializable,
            ..RangeRequest::default()
        };
        let answer = self.call(|channel| async { KvClient::new(channel).range(request).await })?;
        Ok(answer.kvs.into_iter().next().map(Record::from))
    }

    /// Reads all keys that begin so, page by page at one revision, and tells that revision.
    ///
    /// # Errors
    ///
    /// As [`Client::put`].
    pub fn prefix(
        &mut self,
        prefix: &str,
        consistency: Consistency,
    ) -> Result<(i64, Vec<Record>), Failure> {
        let mut end = prefix.as_bytes().to_vec();
        *end.last_mut().expect("a prefix is not empty") += 1;
        let mut from = prefix.to_owned();
        let mut revision = 0;
        let mut found: Vec<Record> = Vec::new();
        loop {
            let request = RangeRequest {
                key: from.into(),
                range_end: end.clone().into(),
                limit: PAGE_LEN,
                revision,
                serializable: consistency == Consistency::Serializable,
                ..RangeRequest::default()
            };
            let answer =
                self.call(|channel| async { KvClient::new(channel).range(request).await })?;
            if revision == 0 {
                revision = answer.header.map_or(0, |header| header.revision);
            }
            found.extend(answer.kvs.into_iter().map(Record::from));
            if !answer.more {
                return Ok((revision, found));
            }
            let last = found.last().expect("where there is more, there was something");
            from = format!("{}\0", last.key);
        }
    }

    /// What the current member says of itself.
    ///
    /// # Errors
    ///
    /// As [`Client::put`].
    pub fn status(&mut self) -> Result<Status, Failure> {
        let answer = self.call(|channel| async {
            MaintenanceClient::new(channel).status(StatusRequest::default()).await
        })?;
        let header = answer.header.unwrap_or_default();
        Ok(Status {
            member_id: header.member_id,
            leader: answer.leader,
            revision: header.revision,
            raft_term: answer.raft_term,
            raft_index: answer.raft_index,
            raft_applied_index: answer.raft_applied_index,
            is_learner: answer.is_learner,
            errors: answer.errors,
        })
    }

    /// A page of the current member's HTTP side, such as `health`: its status code and text.
    ///
    /// # Errors
    ///
    /// When nothing comes back.
    pub fn page(&self, path: &str) -> Result<(u16, String), Failure> {
        let lost = |error: ureq::Error| Failure::Lost(error.to_string());
        let url = format!("{}/{path}", self.endpoints[self.current]);
        let mut response = self.agent.get(&url).call().map_err(lost)?;
        let text = response.body_mut().read_to_string().map_err(lost)?;
        Ok((response.status().as_u16(), text))
    }
}

impl Failure {
    /// Whether the server refused with this error text.
    pub fn says(&self, text: &str) -> bool {
        matches!(self, Self::Refused { message, .. } if message.contains(text))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, message } => write!(f, "refused with code {code}: {message}"),
            Self::Lost(reason) => write!(f, "no answer: {reason}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<KeyValue> for Record {
    fn from(kv: KeyValue) -> Self {
        let text = |bytes: bytes::Bytes| String::from_utf8(bytes.into()).expect("tests write text");
        Self {
            key: text(kv.key),
            value: text(kv.value),
            create_revision: kv.create_revision,
            mod_revision: kv.mod_revision,
            version: kv.version,
        }
    }
}

/// What the server said, unless it is the way there that failed.
fn refused(status: &tonic::Status) -> Failure {
    if std::error::Error::source(status).is_some() {
        return lost(status);
    }
    Failure::Refused { code: status.code() as i64, message: status.message().to_owned() }
}

/// Why nothing came back, down to the first cause.
fn lost(error: &dyn std::error::Error) -> Failure {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    Failure::Lost(words)
}
