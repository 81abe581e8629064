//! A client over the JSON gateway: the quickest way to speak to any etcd without sharing a line of
//! code with it.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use ureq::Agent;

/// A server gives up on a request after 7 s (5 s and two election timeouts); a client should hear
/// that from it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(12);

/// How many records one page of a long read holds.
const PAGE_LEN: usize = 1_000;

/// Speaks to one of several members, and turns to the next after a failure. It never repeats a
/// request by itself, so that whoever asked knows what may have happened twice.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    endpoints: Vec<String>,
    current: usize,
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
        Self { agent, endpoints, current: 0 }
    }

    /// Turns to the next member.
    pub fn turn(&mut self) {
        self.current = (self.current + 1) % self.endpoints.len();
    }

    /// One call of the gateway, such as `kv/put`.
    ///
    /// # Errors
    ///
    /// When the server refuses it, or cannot be understood; the next call then goes to the next
    /// member.
    pub fn call(&mut self, method: &str, request: &Value) -> Result<Value, Failure> {
        let url = format!("{}/v3/{method}", self.endpoints[self.current]);
        let result = self.exchange(&url, request);
        if result.is_err() {
            self.turn();
        }
        result
    }

    fn exchange(&self, url: &str, request: &Value) -> Result<Value, Failure> {
        let lost = |error: ureq::Error| Failure::Lost(error.to_string());
        let mut response = self.agent.post(url).send_json(request).map_err(lost)?;
        let succeeded = response.status().is_success();
        let status = response.status();
        let body: Value = response.body_mut().read_json().map_err(lost)?;
        if succeeded {
            return Ok(body);
        }
        match (body["code"].as_i64(), body["message"].as_str()) {
            (Some(code), Some(message)) => {
                Err(Failure::Refused { code, message: message.to_owned() })
            }
            _ => Err(Failure::Lost(format!("{status}: {body}"))),
        }
    }

    /// Writes a key; the revision that did.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub fn put(&mut self, key: &str, value: &str) -> Result<i64, Failure> {
        let request = json!({ "key": BASE64.encode(key), "value": BASE64.encode(value) });
        Ok(number(&self.call("kv/put", &request)?["header"], "revision"))
    }

    /// Reads a key.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub fn get(&mut self, key: &str, consistency: Consistency) -> Result<Option<Record>, Failure> {
        let request = json!({
            "key": BASE64.encode(key),
            "serializable": consistency == Consistency::Serializable,
        });
        Ok(records(&self.call("kv/range", &request)?).pop())
    }

    /// Reads all keys that begin so, page by page at one revision, and tells that revision.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub fn prefix(
        &mut self,
        prefix: &str,
        consistency: Consistency,
    ) -> Result<(i64, Vec<Record>), Failure> {
        let mut end = prefix.as_bytes().to_vec();
        *end.last_mut().expect("a prefix is not empty") += 1;
        let mut from = prefix.to_owned();
        let mut revision = 0;
        let mut found = Vec::new();
        loop {
            let response = self.call(
                "kv/range",
                &json!({
                    "key": BASE64.encode(&from),
                    "range_end": BASE64.encode(&end),
                    "limit": PAGE_LEN,
                    "revision": revision,
                    "serializable": consistency == Consistency::Serializable,
                }),
            )?;
            if revision == 0 {
                revision = number(&response["header"], "revision");
            }
            found.extend(records(&response));
            if !response["more"].as_bool().unwrap_or(false) {
                return Ok((revision, found));
            }
            let last: &Record = found.last().expect("where there is more, there was something");
            from = format!("{}\0", last.key);
        }
    }

    /// What the current member says of itself.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub fn status(&mut self) -> Result<Status, Failure> {
        let status = self.call("maintenance/status", &json!({}))?;
        Ok(Status {
            member_id: unsigned(&status["header"], "member_id"),
            leader: unsigned(&status, "leader"),
            revision: number(&status["header"], "revision"),
            raft_term: unsigned(&status, "raftTerm"),
            raft_index: unsigned(&status, "raftIndex"),
            raft_applied_index: unsigned(&status, "raftAppliedIndex"),
            is_learner: status["isLearner"].as_bool().unwrap_or(false),
            errors: status["errors"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|error| error.as_str().map(str::to_owned))
                .collect(),
        })
    }

    /// A page of the current member's HTTP side, such as `health` or `metrics`: its status code and
    /// text.
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

    /// The sum of a metric over all its labels; `None` where it does not appear.
    ///
    /// # Errors
    ///
    /// When nothing comes back.
    pub fn metric(&self, name: &str) -> Result<Option<f64>, Failure> {
        let (_, text) = self.page("metrics")?;
        Ok(text
            .lines()
            .filter_map(|line| line.strip_prefix(name))
            .filter(|rest| rest.starts_with(['{', ' ']))
            .filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
            .reduce(|sum, value| sum + value))
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

/// A number of the gateway: 64 bits come as text, and zero is left out.
fn number(value: &Value, field: &str) -> i64 {
    match &value[field] {
        Value::String(text) => text.parse().unwrap_or_else(|_| panic!("{field} is {text:?}")),
        Value::Number(number) => number.as_i64().expect("etcd's numbers have 64 bits"),
        _ => 0,
    }
}

fn unsigned(value: &Value, field: &str) -> u64 {
    match &value[field] {
        Value::String(text) => text.parse().unwrap_or_else(|_| panic!("{field} is {text:?}")),
        Value::Number(number) => number.as_u64().expect("ids and indexes are not negative"),
        _ => 0,
    }
}

fn records(response: &Value) -> Vec<Record> {
    let text = |value: &Value| {
        let bytes = BASE64.decode(value.as_str().unwrap_or_default());
        String::from_utf8(bytes.expect("bytes come as base64")).expect("tests write text")
    };
    let kvs = response["kvs"].as_array();
    kvs.into_iter()
        .flatten()
        .map(|kv| Record {
            key: text(&kv["key"]),
            value: text(&kv["value"]),
            create_revision: number(kv, "create_revision"),
            mod_revision: number(kv, "mod_revision"),
            version: number(kv, "version"),
        })
        .collect()
}
