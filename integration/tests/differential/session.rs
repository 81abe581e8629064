//! A server of its own for a script, and how steps are put to it: gRPC with nothing in between.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use integration::{Cluster, PATIENCE, Server, eventually};
use prost::Message;
use prost_reflect::MethodDescriptor;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::answer::{Addresses, Answer, Refusal};
use crate::script::{Script, Step};
use crate::streams::WatchStream;

/// A server gives up on a request after 7 s; more, on a machine that is busy.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A watch stream may have that much on its way, so that none becomes a slow one, whose events are
/// grouped as time will have it.
const WINDOW_BYTES: u32 = 64 << 20;

/// Short times, so that a member alone soon leads. The shortest time of a lease follows from them.
const FLAGS: [&str; 2] = ["--heartbeat-interval=20", "--election-timeout=200"];

/// Since this release etcd starts with what it had when it was killed.
const FIRST_TO_STAND_KILL: (u32, u32, u32) = (3, 5, 3);

/// The code in place of gRPC's when nothing came back.
const NO_CODE: i32 = -1;

/// A running server, a connection to it, and the watch streams on it.
pub(crate) struct Session {
    cluster: Cluster,
    runtime: Runtime,
    channel: Channel,
    streams: BTreeMap<u8, WatchStream>,
    addresses: Addresses,
    /// Whether it may be killed: see the table of known differences.
    stands_kill: bool,
    /// The newest revision that any answer told.
    revision: i64,
}

impl Session {
    /// A new server with nothing in it.
    pub(crate) fn start(server: &Server) -> Self {
        let mut cluster = Cluster::prepare(server, 1, &FLAGS);
        cluster.start_all();
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a thread can wait for one server");
        let member = &cluster.members[0];
        let addresses =
            Addresses { client_url: member.client_url.clone(), peer_url: member.peer_url.clone() };
        await_cluster_version(&cluster);
        let channel = connect(&runtime, &addresses.client_url);
        let stands_kill = server.version >= FIRST_TO_STAND_KILL;
        let streams = BTreeMap::new();
        Self { cluster, runtime, channel, streams, addresses, stands_kill, revision: 0 }
    }

    /// Puts a whole script to a new server. There is one answer more than there are steps: what the
    /// watch streams have told that nobody waited for.
    pub(crate) fn run(server: &Server, script: &Script) -> Vec<Answer> {
        let mut session = Self::start(server);
        let mut answers: Vec<Answer> =
            script.steps.iter().map(|step| session.answer(step, None)).collect();
        answers.push(session.finish());
        answers
    }

    /// Does a step. What another server has answered tells how much there is to wait for; without
    /// it, a watch stream's progress does.
    pub(crate) fn answer(&mut self, step: &Step, other: Option<&Answer>) -> Answer {
        let answer = match step {
            Step::Call { method, request } => {
                self.call(step, method, request.encode_to_vec().into())
            }
            Step::Restart => {
                self.restart();
                Answer::default()
            }
            Step::Settle { stream } => match self.streams.get_mut(stream) {
                Some(stream) => self.runtime.block_on(stream.settle(self.revision, other)),
                None => Answer::default(),
            },
            Step::Watch { stream, .. } => {
                let stream = self.streams.entry(*stream).or_insert_with(|| {
                    let grpc = grpc(self.channel.clone());
                    WatchStream::open(&self.runtime, grpc, &self.addresses)
                });
                self.runtime.block_on(stream.ask(step.request()))
            }
        };
        self.revision = self.revision.max(answer.revision());
        answer
    }

    /// What the watch streams have told that nobody waited for.
    pub(crate) fn finish(mut self) -> Answer {
        let mut rest = Answer::default();
        for stream in self.streams.values_mut() {
            rest.messages.extend(self.runtime.block_on(stream.rest()).messages);
        }
        rest
    }

    fn call(&self, step: &Step, method: &MethodDescriptor, request: Bytes) -> Answer {
        let grpc = grpc(self.channel.clone());
        let asked = async { timeout(ANSWER_TIMEOUT, exchange(grpc, method, request)).await };
        match self.runtime.block_on(asked) {
            Ok((bodies, error)) => {
                let mut answer = Answer::of(step, &bodies, &self.addresses);
                answer.refusal = error.as_ref().map(refusal);
                answer
            }
            Err(_) => {
                let message = format!("nothing within {ANSWER_TIMEOUT:?}");
                let refusal = Some(Refusal { code: NO_CODE, message });
                Answer { messages: Vec::new(), refusal }
            }
        }
    }

    fn restart(&mut self) {
        self.streams.clear();
        let member = &mut self.cluster.members[0];
        if self.stands_kill {
            member.kill();
        } else {
            member.terminate();
        }
        member.start();
        self.channel = connect(&self.runtime, &self.addresses.client_url);
    }
}

/// A server is ready before its cluster has a version, on which it depends what it can do.
fn await_cluster_version(cluster: &Cluster) {
    let client = cluster.members[0].client();
    eventually(PATIENCE, "the cluster's version", || match client.page("version") {
        Ok((200, text)) if !text.contains("not_decided") => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// gRPC's status as a script compares it.
pub(crate) fn refusal(status: &Status) -> Refusal {
    Refusal { code: status.code() as i32, message: status.message().to_owned() }
}

/// Where a method is.
pub(crate) fn path(method: &MethodDescriptor) -> PathAndQuery {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    path.parse().expect("names are made of letters and dots")
}

fn connect(runtime: &Runtime, url: &str) -> Channel {
    let endpoint = Endpoint::from_shared(url.to_owned()).expect("members have URLs");
    let endpoint = endpoint
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    runtime.block_on(endpoint.connect()).expect("a server that is ready can be reached")
}

fn grpc(channel: Channel) -> Grpc<Channel> {
    Grpc::new(channel).max_decoding_message_size(usize::MAX)
}

/// One request, everything that comes back, and the error that ended it.
async fn exchange(
    mut grpc: Grpc<Channel>,
    method: &MethodDescriptor,
    request: Bytes,
) -> (Vec<Bytes>, Option<Status>) {
    if let Err(error) = grpc.ready().await {
        return (Vec::new(), Some(Status::unavailable(error.to_string())));
    }
    let asked = grpc.server_streaming(Request::new(request), path(method), Plain).await;
    let mut stream = match asked {
        Ok(response) => response.into_inner(),
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut bodies = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(body)) => bodies.push(body),
            Ok(None) => return (bodies, None),
            Err(error) => return (bodies, Some(error)),
        }
    }
}

/// Messages stay bytes: they are compared as they came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
