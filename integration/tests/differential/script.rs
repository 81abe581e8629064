//! Scripts: what is asked of a server, in order, as text that people read and change.
//!
//! A line is a step; `#` begins a comment. Requests are in protobuf's text format:
//!
//! ```text
//! KV.Put key:"a",value:"1"        a request; what it streams back is taken to its end
//! Watch@1 create_request{key:"a"} a request on a watch stream, with the response that answers it
//! settle@1                        all that the watchers of the stream have to be told by now
//! restart                         kill -9, and a new start; watch streams end with it
//! ```

use std::fmt;
use std::path::Path;
use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor};

/// One thing to do.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A request of its own, such as a put.
    Call {
        /// The method it is for.
        method: MethodDescriptor,
        /// What is asked.
        request: DynamicMessage,
    },
    /// Kills the server at once, and starts it again.
    Restart,
    /// Waits until a stream's watchers have been told of everything so far.
    Settle {
        /// The stream.
        stream: u8,
    },
    /// A request on a watch stream, which is opened if it is not.
    Watch {
        /// The stream.
        stream: u8,
        /// What is asked.
        request: DynamicMessage,
    },
}

/// Steps in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// The steps.
    pub(crate) steps: Vec<Step>,
}

impl Step {
    /// A request to a method such as `KV.Put`.
    pub(crate) fn call(method: &str, request: &impl Message) -> Self {
        let method = method_named(method).expect("the generator knows etcd's methods");
        let request = describe(method.input(), &request.encode_to_vec());
        Self::Call { method, request }
    }

    /// A request on a watch stream.
    pub(crate) fn watch(stream: u8, request: &impl Message) -> Self {
        let request = describe(watch_method().input(), &request.encode_to_vec());
        Self::Watch { stream, request }
    }

    /// Whether it is a request to this method.
    pub(crate) fn calls(&self, name: &str) -> bool {
        matches!(self, Self::Call { method, .. } if short_name(method) == name)
    }

    /// The request as one of the generated types.
    ///
    /// # Panics
    ///
    /// When it is of another type, or the step has none.
    pub(crate) fn request<T: Message + Default>(&self) -> T {
        match self {
            Self::Call { request, .. } | Self::Watch { request, .. } => {
                request.transcode_to().expect("it is of this type")
            }
            Self::Restart | Self::Settle { .. } => panic!("{self} has no request"),
        }
    }

    fn parse(line: &str) -> Result<Self, String> {
        let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
        if head == "restart" {
            return Ok(Self::Restart);
        }
        if let Some((head, stream)) = head.split_once('@') {
            let stream = stream.parse().map_err(|_| format!("{stream} is no stream"))?;
            return match head {
                "settle" => Ok(Self::Settle { stream }),
                "Watch" => Ok(Self::Watch { stream, request: read(watch_method().input(), rest)? }),
                other => Err(format!("nobody knows {other}@")),
            };
        }
        let method = method_named(head).ok_or_else(|| format!("there is no method {head}"))?;
        let request = read(method.input(), rest)?;
        Ok(Self::Call { method, request })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, request) = match self {
            Self::Call { method, request } => (short_name(method), request),
            Self::Restart => return f.write_str("restart"),
            Self::Settle { stream } => return write!(f, "settle@{stream}"),
            Self::Watch { stream, request } => (format!("Watch@{stream}"), request),
        };
        let text = request.to_text_format();
        if text.is_empty() { f.write_str(&head) } else { write!(f, "{head} {text}") }
    }
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// When a line is none, with its number.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                let step = Step::parse(line);
                steps.push(step.map_err(|why| format!("line {}: {why}", number + 1))?);
            }
        }
        Ok(Self { steps })
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// A message from its bytes; what the descriptor does not know is kept.
pub(crate) fn describe(kind: MessageDescriptor, bytes: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(kind, bytes).expect("servers and generators send messages")
}

/// The method that watch streams are of.
pub(crate) fn watch_method() -> MethodDescriptor {
    method_named("Watch.Watch").expect("etcd has watches")
}

/// Such as `KV.Put`.
fn short_name(method: &MethodDescriptor) -> String {
    format!("{}.{}", method.parent_service().name(), method.name())
}

fn method_named(name: &str) -> Option<MethodDescriptor> {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
        let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/proto/proto");
        let files = protox::compile(["etcdserverpb/rpc.proto"], [protos]);
        let files = files.expect("the crate proto compiles these files too");
        DescriptorPool::from_file_descriptor_set(files).expect("they are complete")
    });
    let (service, method) = name.split_once('.')?;
    let service = POOL.get_service_by_name(&format!("etcdserverpb.{service}"))?;
    service.methods().find(|candidate| candidate.name() == method)
}

fn read(kind: MessageDescriptor, text: &str) -> Result<DynamicMessage, String> {
    DynamicMessage::parse_text_format(kind, text).map_err(|error| format!("{error}: {text}"))
}

#[test]
fn scripts_are_read_as_they_are_written() {
    let text = concat!(
        "KV.Put key:\"\\000\\377 \\\"\",value:\"x\",lease:-3\n",
        "KV.Range key:\"a\",sort_order:9,sort_target:VALUE\n",
        "KV.Txn compare:[{result:7,key:\"a\",lease:0}],failure:[{request_txn{}}]\n",
        "Maintenance.Status\n",
        "Watch@2 create_request{key:\"a\",filters:[NOPUT,5]}\n",
        "settle@2\n",
        "restart\n",
    );
    let script = Script::parse(text).expect("it is a script");
    assert_eq!(script.to_string(), text);
    assert!(Script::parse("KV.Fly key:\"a\"").is_err());
}
