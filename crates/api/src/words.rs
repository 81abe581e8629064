//! What the gRPC library says by itself, in the words in which etcd's library says it.
//!
//! Clients match on texts, and some of them are made before or after anything of ours runs: a
//! message that is too large, one that cannot be read, a method that does not exist.

use tonic::{Code, Status};

/// tonic's words for a message above the limit, around two numbers.
const TOO_LARGE: [&str; 3] =
    ["Error, decoded message length too large: found ", " bytes, the limit is: ", " bytes"];

/// prost's words for one that is none.
const UNREADABLE: &str = "failed to decode Protobuf message: ";

/// The status as etcd would give it for a call of this path.
#[must_use]
pub(crate) fn of_etcd(path: &str, status: Status) -> Status {
    match status.code() {
        Code::OutOfRange => match too_large(status.message()) {
            Some((found, limit)) => Status::resource_exhausted(format!(
                "grpc: received message larger than max ({found} vs. {limit})"
            )),
            None => status,
        },
        Code::Internal => match status.message().strip_prefix(UNREADABLE) {
            Some(why) => Status::internal(format!("grpc: error unmarshalling request: {why}")),
            None => status,
        },
        Code::Unimplemented if status.message().is_empty() => unknown(path, true),
        _ => status,
    }
}

/// What is answered for a path that leads nowhere; a service may be known that has no such method.
#[must_use]
pub(crate) fn unknown(path: &str, is_service_known: bool) -> Status {
    let called = path.strip_prefix('/').and_then(|path| path.rsplit_once('/'));
    Status::unimplemented(match called {
        Some((service, method)) if is_service_known => {
            format!("unknown method {method} for service {service}")
        }
        Some((service, _)) => format!("unknown service {service}"),
        None => format!("malformed method name: {path:?}"),
    })
}

fn too_large(message: &str) -> Option<(&str, &str)> {
    let [found, limit, end] = TOO_LARGE;
    message.strip_prefix(found)?.strip_suffix(end)?.split_once(limit)
}

#[cfg(test)]
mod tests;
