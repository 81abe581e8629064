//! A cluster of containers. Members speak to each other on one network and to clients on another,
//! so that one that is cut off from the others still hears its clients.

use std::net::TcpListener;
use std::thread;

use integration::{Client, Etcdctl, PATIENCE, eventually};
use testcontainers::core::IntoContainerPort;
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, GenericImage, ImageExt};

use crate::docker::{Network, attempt, docker, etcdctl, image, log};

/// A cluster of containers; all is removed when it is dropped.
pub(crate) struct Cluster {
    pub(crate) members: Vec<Member>,
    prefix: String,
    flags: Vec<String>,
    carried: Carried,
    clients: Network,
    peers: Network,
}

/// A member, and the container that it runs in.
pub(crate) struct Member {
    pub(crate) name: String,
    /// Where clients on this machine find it.
    pub(crate) url: String,
    container: Container<GenericImage>,
}

/// What carries frames between members.
#[derive(Clone, Copy)]
pub(crate) enum Carried {
    ByGrpc,
    ByQuic,
}

impl Carried {
    /// Where the others find a member, by its name on their network.
    fn peer_url(self, name: &str) -> String {
        let scheme = self.scheme();
        format!("{scheme}://{name}.peer:2380")
    }

    /// A member, as `--initial-cluster` lists it. The name is known on the peers' network alone.
    fn listing(self, name: &str) -> String {
        format!("{name}={}", self.peer_url(name))
    }

    fn scheme(self) -> &'static str {
        match self {
            Self::ByGrpc => "http",
            Self::ByQuic => "quic",
        }
    }
}

impl Cluster {
    /// Three members with these flags, serving.
    pub(crate) fn start(topic: &str, carried: Carried, flags: &[&str]) -> Self {
        let prefix = format!("etcdd-{topic}-{}", std::process::id());
        let mut cluster = Self {
            members: Vec::new(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            carried,
            clients: Network::create(format!("{prefix}-clients")),
            peers: Network::create(format!("{prefix}-peers")),
            prefix,
        };
        let names = ["a", "b", "c"].map(|name| format!("{}-{name}", cluster.prefix));
        let listing = names.each_ref().map(|name| carried.listing(name)).join(",");
        for name in names {
            cluster.run(name, &listing, "new");
        }
        cluster.wait_until_all_serve();
        cluster
    }

    /// Starts a container for a member, which need not serve yet.
    fn run(&mut self, name: String, cluster: &str, state: &str) {
        let (image, tag) = image();
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let mut command: Vec<String> = [
            "etcd".to_owned(),
            format!("--name={name}"),
            "--data-dir=/var/lib/etcd/data".to_owned(),
            "--listen-client-urls=http://0.0.0.0:2379".to_owned(),
            format!("--advertise-client-urls={url}"),
            format!("--listen-peer-urls={}://0.0.0.0:2380", self.carried.scheme()),
            format!("--initial-advertise-peer-urls={}", self.carried.peer_url(&name)),
            format!("--initial-cluster={cluster}"),
            format!("--initial-cluster-state={state}"),
        ]
        .into();
        command.extend(self.flags.iter().cloned());
        let container = GenericImage::new(image, tag)
            .with_container_name(&name)
            .with_network(&self.clients.0)
            .with_mapped_port(port, 2379.tcp())
            .with_cmd(command)
            .start();
        let container = container.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        self.members.push(Member { name, url, container });
        self.join(self.members.len() - 1);
    }

    /// Lets a member speak to the others.
    pub(crate) fn join(&self, position: usize) {
        let name = &self.members[position].name;
        let alias = format!("--alias={name}.peer");
        docker(&["network", "connect", &alias, &self.peers.0, name]);
    }

    /// Cuts a member off from the others.
    pub(crate) fn cut_off(&self, position: usize) {
        docker(&["network", "disconnect", &self.peers.0, &self.members[position].name]);
    }

    /// Does something to a member's container: `pause`, `unpause`, `kill`, `start`, `restart`.
    pub(crate) fn tell(&self, what: &str, position: usize) {
        docker(&[what, &self.members[position].name]);
    }

    /// Removes a member for good, and adds another one with an empty disk in its place.
    pub(crate) fn replace(&mut self, position: usize) {
        let gone = self.members.remove(position);
        let etcdctl = self.etcdctl();
        let mut client = Client::new(vec![gone.url.clone()]);
        let id = eventually(PATIENCE, "a status", || client.status()).member_id;
        let id = format!("{id:x}");
        eventually(PATIENCE, "member remove", || etcdctl.attempt(&["member", "remove", &id]));
        gone.container.rm().unwrap_or_else(|error| panic!("it cannot be removed: {error}"));
        let name = format!("{}-{}", self.prefix, id);
        let peer_urls = format!("--peer-urls={}", self.carried.peer_url(&name));
        // A cluster that has only just changed is not healthy enough for the next change.
        eventually(PATIENCE, "member add", || {
            let add = ["member", "add", &name, &peer_urls];
            match self.carried {
                Carried::ByGrpc => etcdctl.attempt(&add),
                // The genuine one knows no such URLs, and asks nobody; that of the image does.
                Carried::ByQuic => {
                    attempt(&[&["exec", &self.members[0].name, "etcdctl"], &add[..]].concat())
                }
            }
        });
        let names = self.members.iter().map(|member| &member.name).chain([&name]);
        let listing = names.map(|name| self.carried.listing(name)).collect::<Vec<_>>().join(",");
        self.run(name, &listing, "existing");
        let Member { name, url, .. } = &self.members[self.members.len() - 1];
        let mut client = Client::new(vec![url.clone()]);
        eventually(PATIENCE, "a member that has joined", || {
            // Before it was on the network of the others it may have asked them in vain who they
            // are, and ended; an orchestrator starts it again.
            attempt(&["start", name])?;
            client.status().map_err(|failure| failure.to_string())
        });
    }

    /// Waits until each member answers what it can only answer together with others.
    pub(crate) fn wait_until_all_serve(&self) {
        for member in &self.members {
            let alone = self.etcdctl().to(std::slice::from_ref(&member.url));
            eventually(PATIENCE, "a member that serves", || alone.attempt(&["get", "nothing"]));
        }
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(|member| member.url.clone()).collect()
    }

    /// Genuine `etcdctl` on this machine.
    pub(crate) fn etcdctl(&self) -> Etcdctl {
        etcdctl(self.endpoints())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            for Member { name, .. } in &self.members {
                eprintln!("── {name} ──\n{}", log(name));
            }
        }
        // Before the networks that they are on.
        self.members.clear();
    }
}

/// A port of this machine where nobody listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are free ports");
    listener.local_addr().expect("it is bound").port()
}
