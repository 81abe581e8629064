//! A cluster of server processes on this machine.

use std::env;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::thread;

use tempfile::TempDir;

use crate::client::{Client, Status};
use crate::condition::{PATIENCE, eventually};
use crate::etcdctl::Etcdctl;
use crate::member::{Member, Place};
use crate::tools::{Server, Tools};

/// How much of each member's log a failing test shows.
const TAIL_LINES: usize = 12;

/// Members of one cluster, by position, and the folder their data lies in. Dropped, the processes
/// are killed and the folder is removed; but a panicking test shows the logs' ends and keeps the
/// logs, and with `ETCDD_KEEP` set, all.
#[derive(Debug)]
pub struct Cluster {
    /// The members. A member that was removed from the cluster keeps its place.
    pub members: Vec<Member>,
    server: Server,
    flags: Vec<String>,
    dir: Option<TempDir>,
}

/// How a new member joins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Joining {
    /// Without a vote, until it is promoted.
    AsLearner,
    /// With a vote at once.
    AsVoter,
}

impl Cluster {
    /// A running cluster of the server under test.
    pub fn start(members: usize) -> Self {
        Self::start_with(members, &[])
    }

    /// A running cluster whose members have these flags too.
    pub fn start_with(members: usize, flags: &[&str]) -> Self {
        let mut cluster = Self::prepare(Server::under_test(), members, flags);
        cluster.start_all();
        cluster
    }

    /// A cluster that has not been started yet.
    pub fn prepare(server: &Server, members: usize, flags: &[&str]) -> Self {
        Self::prepare_at(&[], server, members, flags)
    }

    /// A cluster that has not been started yet, whose members are in these places; those for whom
    /// there is none are here.
    pub fn prepare_at(places: &[Place], server: &Server, members: usize, flags: &[&str]) -> Self {
        Self::prepare_each(server, members, flags, |position, member| {
            if let Some(place) = places.get(position) {
                member.move_to(place);
            }
        })
    }

    /// A cluster that has not been started yet, and speaks TLS to clients and among its members.
    pub fn prepare_secured(server: &Server, members: usize, flags: &[&str]) -> Self {
        Self::prepare_each(server, members, flags, |_, member| member.speak_tls())
    }

    fn prepare_each(
        server: &Server,
        members: usize,
        flags: &[&str],
        prepare: impl Fn(usize, &mut Member),
    ) -> Self {
        let dir = TempDir::with_prefix("etcdd-integration-").expect("a temporary folder");
        let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        let mut members: Vec<Member> = (0..members)
            .map(|position| Member::new(format!("m{position}"), server, dir.path(), &flags))
            .collect();
        for (position, member) in members.iter_mut().enumerate() {
            prepare(position, member);
        }
        let listing: Vec<String> = members.iter().map(Member::listing).collect();
        for member in &mut members {
            member.add_flag(format!("--initial-cluster={}", listing.join(",")));
            member.add_flag("--initial-cluster-state=new".to_owned());
            member.add_flag("--initial-cluster-token=integration".to_owned());
        }
        Self { members, server: server.clone(), flags, dir: Some(dir) }
    }

    /// Starts every member that is not running, and waits until all serve.
    pub fn start_all(&mut self) {
        let stopped: Vec<usize> =
            (0..self.members.len()).filter(|&i| !self.members[i].is_running()).collect();
        self.start_these(&stopped);
    }

    /// Starts some members together, as is needed when none of them can serve alone, and waits
    /// until they serve.
    pub fn start_these(&mut self, positions: &[usize]) {
        for &position in positions {
            self.members[position].spawn();
        }
        for &position in positions {
            self.members[position].wait_until_ready();
        }
    }

    /// The positions of the members that run.
    pub fn running(&mut self) -> Vec<usize> {
        (0..self.members.len()).filter(|&i| self.members[i].is_running()).collect()
    }

    /// The client URLs of all members, running or not.
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(|member| member.client_url.clone()).collect()
    }

    /// The client URLs of the members that run.
    pub fn running_endpoints(&mut self) -> Vec<String> {
        let running = self.running();
        running.iter().map(|&position| self.members[position].client_url.clone()).collect()
    }

    /// A client of all members, running or not.
    pub fn client(&self) -> Client {
        Client::new(self.endpoints())
    }

    /// Genuine `etcdctl` of this release, speaking to all members.
    pub fn etcdctl(&self, version: &str) -> Etcdctl {
        Etcdctl {
            path: Tools::installed().etcdctl(version),
            endpoints: self.endpoints(),
            flags: Vec::new(),
        }
    }

    /// What the running members say of themselves, with their positions.
    pub fn statuses(&mut self) -> Result<Vec<(usize, Status)>, String> {
        let mut statuses = Vec::new();
        for position in self.running() {
            match self.members[position].client().status() {
                Ok(status) => statuses.push((position, status)),
                Err(failure) => {
                    return Err(format!("{}: {failure}", self.members[position].name));
                }
            }
        }
        Ok(statuses)
    }

    /// The position of the leader, once all running members agree on one that runs.
    pub fn leader(&mut self) -> usize {
        eventually(PATIENCE, "a leader all agree on", || {
            let statuses = self.statuses()?;
            let agreed = |id: u64| statuses.iter().all(|(_, status)| status.leader == id);
            statuses
                .iter()
                .find(|(_, status)| agreed(status.member_id))
                .map(|(position, _)| *position)
                .ok_or_else(|| format!("they say {statuses:?}"))
        })
    }

    /// The id of a running member.
    pub fn member_id(&mut self, position: usize) -> u64 {
        let mut client = self.members[position].client();
        eventually(PATIENCE, "a status", || client.status()).member_id
    }

    /// Kills the leader, and tells who it was.
    pub fn kill_leader(&mut self) -> usize {
        let leader = self.leader();
        self.members[leader].kill();
        leader
    }

    /// Ends a member by SIGTERM.
    pub fn terminate(&mut self, position: usize) -> ExitStatus {
        self.members[position].terminate()
    }

    /// Adds a member to the running cluster and starts it; its position.
    pub fn grow(&mut self, joining: Joining) -> usize {
        let position = self.add(joining);
        self.members[position].start();
        position
    }

    /// Adds a member to the running cluster, which is to be started; its position.
    pub fn add(&mut self, joining: Joining) -> usize {
        let mut etcdctl = self.etcdctl("3.5.1").to(&self.running_endpoints());
        let name = format!("m{}", self.members.len());
        let mut member = Member::new(name.clone(), &self.server, self.path(), &self.flags);
        if member.peer_url.starts_with("quic") {
            // The genuine one knows no such URL.
            etcdctl.path = self.server.beside("etcdctl");
        }
        let peer_urls = format!("--peer-urls={}", member.peer_url);
        let mut arguments = vec!["member", "add", &name, &peer_urls];
        if joining == Joining::AsLearner {
            arguments.push("--learner");
        }
        // A cluster that has only just changed is not healthy enough for the next change.
        let answer = eventually(PATIENCE, "member add", || etcdctl.attempt(&arguments));
        let listing = answer
            .lines()
            .find_map(|line| line.strip_prefix("ETCD_INITIAL_CLUSTER="))
            .unwrap_or_else(|| panic!("member add printed {answer:?}"));
        member.add_flag(format!("--initial-cluster={}", listing.trim_matches('"')));
        member.add_flag("--initial-cluster-state=existing".to_owned());
        self.members.push(member);
        self.members.len() - 1
    }

    /// Gives a learner its vote, as soon as it has caught up.
    pub fn promote(&mut self, position: usize) {
        let etcdctl = self.etcdctl("3.5.1").to(&self.running_endpoints());
        let id = format!("{:x}", self.member_id(position));
        eventually(PATIENCE, "member promote", || etcdctl.attempt(&["member", "promote", &id]));
    }

    /// Removes a running member from the cluster, and waits until it has noticed and ended by
    /// itself.
    pub fn remove(&mut self, position: usize) -> ExitStatus {
        let id = format!("{:x}", self.member_id(position));
        let others: Vec<String> = self
            .running()
            .into_iter()
            .filter(|&running| running != position)
            .map(|running| self.members[running].client_url.clone())
            .collect();
        let etcdctl = self.etcdctl("3.5.1").to(&others);
        eventually(PATIENCE, "member remove", || etcdctl.attempt(&["member", "remove", &id]));
        self.members[position].wait_for_end()
    }

    /// Waits until the running members have applied the same revision, and checks that they hold
    /// the same data.
    ///
    /// # Panics
    ///
    /// When they do not agree in time, or their hashes differ.
    pub fn check_same_data(&mut self) {
        self.etcdctl("3.5.1").to(&self.running_endpoints()).check_same_data();
    }

    /// The folder that holds everything of this cluster.
    pub fn path(&self) -> &std::path::Path {
        self.dir.as_ref().expect("the folder is there until the cluster is dropped").path()
    }

    fn keep_logs(&self) -> std::io::Result<PathBuf> {
        let kept = env::temp_dir()
            .join("etcdd-integration-logs")
            .join(self.path().file_name().expect("a temporary folder has a name"));
        std::fs::create_dir_all(&kept)?;
        for entry in std::fs::read_dir(self.path())? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                std::fs::copy(entry.path(), kept.join(entry.file_name()))?;
            }
        }
        Ok(kept)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            // Before the members are killed, which the others would have much to say about.
            for member in &self.members {
                eprintln!("── {} ──\n{}", member.name, member.log_tail(TAIL_LINES));
            }
            match self.keep_logs() {
                Ok(kept) => eprintln!("logs are kept in {}", kept.display()),
                Err(error) => eprintln!("logs are lost: {error}"),
            }
        }
        for member in &mut self.members {
            member.kill();
        }
        if env::var_os("ETCDD_KEEP").is_some()
            && let Some(dir) = self.dir.take()
        {
            eprintln!("data is kept in {}", dir.keep().display());
        }
    }
}
