//! A disk without room: writes are refused before they can fail, reads go on, and room is all that
//! is needed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use integration::{Client, Cluster, Consistency, Failure, Load, PATIENCE, Server, eventually};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use tempfile::TempDir;

/// Room for the log's first files and a little more.
const DISK_MIB: u32 = 400;

/// gRPC's status of what has run out.
const RESOURCE_EXHAUSTED: i64 = 8;

#[test]
fn one_member_with_a_full_disk() {
    if !can_try() {
        return;
    }
    let disk = Disk::new();
    let mut cluster = Cluster::prepare(Server::under_test(), 1, &[]);
    cluster.members[0].data_dir = disk.data_dir();
    cluster.start_all();
    let load = Load::start("load", cluster.endpoints(), 4);
    load.wait_for_more(100);

    disk.fill();
    let mut client = cluster.client();
    until_refused(&mut client);
    reads_go_on(&mut client);
    assert!(cluster.members[0].is_running(), "it stops because of a full disk");

    // Also after a crash: a start needs no room that it has not kept for itself.
    cluster.members[0].kill();
    cluster.start_all();
    until_refused(&mut client);
    reads_go_on(&mut client);

    disk.make_room();
    eventually(PATIENCE, "writes with room", || client.put("again", "written"));
    load.wait_for_more(100);
    let ledger = load.finish();
    ledger.check("load/", &mut client, Consistency::Linearizable);
    cluster.members[0].kill();
    cluster.start_all();
    ledger.check("load/", &mut client, Consistency::Linearizable);
    println!(
        "one member: refused when full, also after a crash; read; wrote with room; {} writes",
        ledger.len()
    );
}

#[test]
fn three_members_whose_disks_fill_up() {
    if !can_try() {
        return;
    }
    let disks = [Disk::new(), Disk::new(), Disk::new()];
    let mut cluster = Cluster::prepare(Server::under_test(), 3, &[]);
    for (member, disk) in cluster.members.iter_mut().zip(&disks) {
        member.data_dir = disk.data_dir();
    }
    cluster.start_all();
    let load = Load::start("load", cluster.endpoints(), 4);
    load.wait_for_more(100);

    disks.iter().for_each(Disk::fill);
    for member in &cluster.members {
        until_refused(&mut member.client());
    }
    // Votes and terms are written to what was kept for them: the leader may go, and there is
    // another.
    let leader = cluster.leader();
    cluster.members[leader].kill();
    cluster.leader();
    for position in cluster.running() {
        reads_go_on(&mut cluster.members[position].client());
    }
    cluster.members[leader].start();

    disks.iter().for_each(Disk::make_room);
    for member in &cluster.members {
        let mut client = member.client();
        eventually(PATIENCE, "writes with room", || client.put("again", "written"));
    }
    load.wait_for_more(100);
    let ledger = load.finish();
    cluster.check_same_data();
    for member in &cluster.members {
        ledger.check("load/", &mut member.client(), Consistency::Serializable);
    }
    println!(
        "three members: refused when full, elected, read; wrote with room; {} writes",
        ledger.len()
    );
}

/// Only root can mount, and genuine etcd's disk must not fill up at all.
fn can_try() -> bool {
    let root = rustix::process::geteuid().is_root();
    let etcdd = Server::under_test().is_etcdd();
    if !root || !etcdd {
        println!("not tried: root: {root}, etcdd: {etcdd}");
    }
    root && etcdd
}

fn until_refused(client: &mut Client) {
    let filler = "x".repeat(100_000);
    eventually(PATIENCE, "a refusal", || match client.put("filler", &filler) {
        Err(Failure::Refused { code: RESOURCE_EXHAUSTED, message })
            if message == "etcdserver: mvcc: database space exceeded" =>
        {
            Ok(())
        }
        other => Err(format!("{other:?}")),
    });
}

fn reads_go_on(client: &mut Client) {
    for consistency in [Consistency::Linearizable, Consistency::Serializable] {
        let read = eventually(PATIENCE, "a read", || client.get("load/0/00000000", consistency));
        assert!(read.is_some(), "an acknowledged write is gone");
    }
}

/// A small disk in memory, mounted as long as it lives. Declared before the cluster whose data it
/// holds, it outlives the members.
struct Disk {
    dir: TempDir,
}

impl Disk {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let size = format!("size={DISK_MIB}m");
        run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs"], dir.path());
        Self { dir }
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn filler(&self) -> PathBuf {
        self.dir.path().join("filler")
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let room = statvfs(self.dir.path()).expect("statvfs");
        let file = File::create(self.filler()).expect("the filler's inode");
        let bytes = room.f_bavail * room.f_frsize;
        if bytes > 0 {
            fallocate(&file, FallocateFlags::empty(), 0, bytes).expect("all the room there is");
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).expect("the filler is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["--lazy"], self.dir.path());
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) {
    let status = Command::new(program).args(arguments).arg(path).status();
    assert!(matches!(status, Ok(status) if status.success()), "{program} {path:?}: {status:?}");
}
