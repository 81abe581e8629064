//! Compiles `proto/` into Rust, without `protoc`.

use std::{env, error::Error, mem};

use prost_build::{Config, Service, ServiceGenerator};

const FILES: [&str; 14] = [
    "authpb/auth.proto",
    "etcdserverpb/etcdserver.proto",
    "etcdserverpb/raft_internal.proto",
    "etcdserverpb/rpc.proto",
    "grpc/health/v1/health.proto",
    "leasepb/lease.proto",
    "membershippb/membership.proto",
    "mvccpb/kv.proto",
    "raftpb/raft.proto",
    "snappb/snap.proto",
    "v3electionpb/v3election.proto",
    "v3lockpb/v3lock.proto",
    "versionpb/version.proto",
    "walpb/record.proto",
];

/// The methods whose servers answer with a type of `crate::spliced`.
const SPLICED: [(&str, &str); 6] = [
    ("KV", "DeleteRange"),
    ("KV", "Put"),
    ("KV", "Range"),
    ("KV", "RangeStream"),
    ("KV", "Txn"),
    ("Watch", "Watch"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let mut descriptors = protox::compile(FILES, ["proto"])?;
    descriptors.file.retain(|file| !file.package().starts_with("google."));
    for message in descriptors.file.iter_mut().flat_map(|file| &mut file.message_type) {
        for field in &mut message.field {
            // Else the case conversion makes `client_ur_ls` of it. Names are not on the wire.
            let name = field.name().replace("URLs", "_urls");
            field.name = Some(name);
        }
    }
    Config::new()
        .btree_map(["."])
        .bytes(["."])
        .extern_path(".etcdserverpb.TxnRequest", "crate::nesting::TxnRequest")
        .service_generator(Box::new(Services))
        .compile_fds(descriptors)?;
    Ok(())
}

/// Clients and servers, each if its feature is on.
struct Services;

impl ServiceGenerator for Services {
    fn generate(&mut self, mut service: Service, buffer: &mut String) {
        if env::var_os("CARGO_FEATURE_CLIENT").is_some() {
            let service = Service { methods: service.methods.clone(), ..service.clone() };
            services().build_server(false).service_generator().generate(service, buffer);
        }
        if env::var_os("CARGO_FEATURE_SERVER").is_some() {
            for method in &mut service.methods {
                let named = (service.proto_name.as_str(), method.proto_name.as_str());
                if SPLICED.contains(&named) {
                    let plain = mem::take(&mut method.output_type);
                    method.output_type = format!("crate::spliced::{plain}");
                }
            }
            services().build_client(false).service_generator().generate(service, buffer);
        }
    }
}

/// No transport: whoever has a channel wraps it, so that none is chosen here.
fn services() -> tonic_prost_build::Builder {
    tonic_prost_build::configure().build_transport(false)
}
