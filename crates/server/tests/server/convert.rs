//! Data directories that are moved from parts to parts.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::path::{Path, PathBuf};

use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::lease_client::LeaseClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, HashKvRequest, LeaseGrantRequest,
    LeaseTimeToLiveRequest, PutRequest,
};
use server::{Config, Conversion, Converted, Error, Member, Parts, Progress, Step};
use tempfile::TempDir;

use crate::seat::{Seat, get, names, put, start, within};

/// The lease that some keys hang on.
const LEASE: i64 = 4711;

/// Keys, so many that there is something to walk over.
const KEYS: usize = 300;

async fn stop(member: Member) {
    within("the stop", member.stop()).await.expect("it stops well");
}

/// Everything that may get lost on the way: history, what is deleted, leases, a compaction.
async fn fill(seat: &Seat) {
    let channel = seat.connect().await;
    let mut kv = KvClient::new(channel.clone());
    let grant = LeaseGrantRequest { id: LEASE, ttl: 3600 };
    LeaseClient::new(channel).lease_grant(grant).await.expect("it is granted");
    let mut revision = 0;
    for nth in 0..KEYS {
        let (key, lease) =
            (format!("k{:03}", nth % 200).into(), if nth + 3 < KEYS { 0 } else { LEASE });
        let value = vec![b'v'; nth * 7].into();
        let request = PutRequest { key, value, lease, ..PutRequest::default() };
        let answer = kv.put(request).await.expect("it is written").into_inner();
        revision = answer.header.expect("there is a header").revision;
    }
    let gone = DeleteRangeRequest { key: "k1".into(), range_end: "k15".into(), prev_kv: false };
    kv.delete_range(gone).await.expect("they are deleted");
    let compaction = CompactionRequest { revision: revision - 100, physical: true };
    kv.compact(compaction).await.expect("it is compacted");
}

async fn hash(seat: &Seat) -> u32 {
    let mut client = MaintenanceClient::new(seat.connect().await);
    let answer = within("a hash", client.hash_kv(HashKvRequest { revision: 0 })).await;
    answer.expect("it is hashed").into_inner().hash
}

async fn lease_keys(seat: &Seat) -> usize {
    let mut client = LeaseClient::new(seat.connect().await);
    let request = LeaseTimeToLiveRequest { id: LEASE, keys: true };
    let answer = client.lease_time_to_live(request).await.expect("it lives").into_inner();
    answer.keys.len()
}

fn data_dir(seat: &Seat) -> PathBuf {
    seat.folder.path().join("data")
}

fn conversion(seat: &Seat, output: &Path, log: &str, engine: &str) -> Conversion {
    Conversion {
        data_dir: data_dir(seat),
        wal_dir: None,
        output_dir: output.to_owned(),
        backend: Some(engine.to_owned()),
        raft_log: Some(log.to_owned()),
    }
}

fn convert(conversion: &Conversion) -> Result<Converted, Error> {
    conversion.run(&Parts::compiled_in(), &mut |_| {})
}

/// The same when the former life of the member may not be quite over: its files are still in use
/// for a moment.
async fn convert_soon(conversion: &Conversion) -> Converted {
    within("the end of the former life", async {
        loop {
            match convert(conversion) {
                Ok(converted) => return converted,
                Err(error) => {
                    let is_in_use = error.to_string().ends_with("is in use by another process");
                    assert!(is_in_use, "{error}");
                    tokio::task::yield_now().await;
                }
            }
        }
    })
    .await
}

/// What is in every file below, by path.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut below = vec![root.to_owned()];
    while let Some(directory) = below.pop() {
        for name in names(&directory) {
            let path = directory.join(name);
            if path.is_dir() {
                below.push(path);
            } else {
                let content = fs::read(&path).expect("it can be read");
                files.insert(path, content);
            }
        }
    }
    files
}

/// The same member, in another data directory and of other parts.
fn moved(seat: &Seat, data: &Path, cluster: &str, (log, engine): (&str, &str)) -> Config {
    let more = [&*format!("--raft-log={log}"), &format!("--backend={engine}")];
    Config { data_dir: data.to_owned(), ..seat.config(cluster, &more) }
}

/// A member that was filled, is stopped and has let go of its files, and its hash.
async fn filled(log: &str, engine: &str) -> (Seat, u32) {
    let seat = Seat::new("one");
    let config = moved(&seat, &data_dir(&seat), &seat.listing(), (log, engine));
    let member = start(config).await;
    fill(&seat).await;
    let hash = hash(&seat).await;
    stop(member).await;
    let scratch = seat.folder.path().join("scratch");
    convert_soon(&conversion(&seat, &scratch, log, engine)).await;
    fs::remove_dir_all(scratch).expect("it can be removed");
    (seat, hash)
}

fn lasting<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names.filter(|name| *name != "memory").map(str::to_owned).collect()
}

/// Every engine to every engine, with every log to every log among them.
#[tokio::test(flavor = "multi_thread")]
async fn every_part_gives_to_every_other() {
    let parts = Parts::compiled_in();
    let (logs, engines) = (lasting(parts.logs.names()), lasting(parts.engines.names()));
    let mut turn = 0;
    for (nth, engine) in engines.iter().enumerate() {
        let log = &logs[nth % logs.len()];
        let (seat, hashed) = filled(log, engine).await;
        let before = files(&data_dir(&seat));
        for to_engine in &engines {
            turn += 1;
            let to_log = &logs[turn / 2 % logs.len()];
            let what = format!("{log} {engine} to {to_log} {to_engine}");
            let output = seat.folder.path().join(format!("to-{to_log}-{to_engine}"));
            let converted = convert(&conversion(&seat, &output, to_log, to_engine));
            let converted = converted.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(converted.hash, hashed, "{what}");
            assert!(converted.entries > 0 && converted.repaired.is_none(), "{converted:?}");
            assert!(files(&data_dir(&seat)) == before, "{what} changed the source");
            assert_eq!(names(&output), ["member"], "{what}");
            let config = moved(&seat, &output, &seat.listing(), (to_log, to_engine));
            let member = start(config).await;
            assert_eq!(hash(&seat).await, hashed, "{what}");
            assert_eq!(lease_keys(&seat).await, 3, "{what}");
            put(&seat, "after", "1").await;
            stop(member).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_converted_member_goes_on_among_others() {
    let seats = ["a", "b", "c"].map(Seat::new);
    let cluster = seats.iter().map(Seat::listing).collect::<Vec<_>>().join(",");
    let starting = seats.each_ref().map(|seat| tokio::spawn(start(seat.config(&cluster, &[]))));
    let mut members = Vec::new();
    for starting in starting {
        members.push(starting.await.expect("it starts"));
    }
    fill(&seats[0]).await;
    // One after the other is converted, while the others are written to.
    for (nth, to) in [("sled", "redb"), ("wal", "fjall"), ("sled", "lsm")].into_iter().enumerate() {
        let seat = &seats[nth];
        stop(members.remove(0)).await;
        put(&seats[(nth + 1) % 3], "meanwhile", "1").await;
        let output = seat.folder.path().join("converted");
        convert_soon(&conversion(seat, &output, to.0, to.1)).await;
        members.push(start(moved(seat, &output, &cluster, to)).await);
        put(seat, "here", "2").await;
        // A linearizable read of it shows that it has caught up.
        for seat in &seats {
            assert_eq!(get(seat, "here").await.as_deref(), Some(&b"2"[..]));
        }
        let hashes = [hash(&seats[0]).await, hash(&seats[1]).await, hash(&seats[2]).await];
        assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    }
    for member in members {
        stop(member).await;
    }
}

/// How far it came.
struct Abandoned(Step);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_finished_is_opened_by_nobody() {
    let (seat, hashed) = filled("wal", "lsm").await;
    let before = files(&data_dir(&seat));
    let mut steps = Vec::new();
    let whole = conversion(&seat, &seat.folder.path().join("whole"), "wal", "lsm");
    let note = |progress: Progress| steps.push(progress.step);
    whole.run(&Parts::compiled_in(), &mut { note }).expect("it is converted");
    steps.dedup();
    assert_eq!(steps, [Step::Copy, Step::Hash, Step::Move, Step::MoveLog, Step::Check]);
    for step in steps {
        let output = seat.folder.path().join(format!("{step:?}"));
        let conversion = conversion(&seat, &output, "wal", "lsm");
        let mut abandon = |progress: Progress| {
            if progress.step == step {
                panic_any(Abandoned(step));
            }
        };
        let running = AssertUnwindSafe(|| conversion.run(&Parts::compiled_in(), &mut abandon));
        let thrown = catch_unwind(running).expect_err("it is abandoned");
        let abandoned = thrown.downcast_ref::<Abandoned>().expect("nothing else is thrown");
        assert_eq!(abandoned.0, step);
        for parts in [("wal", "lsm"), ("sled", "redb")] {
            let config = moved(&seat, &output, &seat.listing(), parts);
            let refused = Member::start(config).await.err().expect("it is not finished");
            assert!(refused.to_string().contains("is not finished: remove it"), "{refused}");
        }
        let again = convert(&conversion).expect_err("there is something in it");
        assert!(again.to_string().ends_with("is not empty"), "{again}");
        fs::remove_dir_all(&output).expect("it can be removed");
        assert_eq!(convert(&conversion).expect("it is converted").hash, hashed);
    }
    assert!(files(&data_dir(&seat)) == before, "the source has changed");
}

/// Turns bits in the middle of what is written in a file.
fn damage(path: &Path) {
    let content = fs::read(path).expect("it can be read");
    let written = content.iter().rposition(|byte| *byte != 0).expect("it is not empty");
    let mut file = fs::File::options().read(true).write(true).open(path).expect("it opens");
    let mut bytes = [0; 16];
    file.seek(SeekFrom::Start(written as u64 / 2)).expect("it is long enough");
    file.read_exact(&mut bytes).expect("it is long enough");
    file.seek(SeekFrom::Start(written as u64 / 2)).expect("it is long enough");
    file.write_all(&bytes.map(|byte| !byte)).expect("it is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found_and_not_moved() {
    let (seat, hashed) = filled("wal", "lsm").await;
    let sound = files(&data_dir(&seat));
    let large = sound.iter().filter(|(path, content)| {
        let is_data = path.iter().any(|name| name == "wal" || name == "lsm");
        is_data && content.iter().filter(|byte| **byte != 0).count() > 4096
    });
    let large: Vec<&PathBuf> = large.map(|(path, _)| path).collect();
    assert!(large.len() >= 2, "a segment and a table at least: {large:?}");
    for path in large {
        damage(path);
        let output = seat.folder.path().join("output");
        let conversion = conversion(&seat, &output, "sled", "redb");
        let error = convert(&conversion).expect_err("it is damaged");
        assert!(error.to_string().contains("damaged"), "{}: {error}", path.display());
        let config = moved(&seat, &output, &seat.listing(), ("sled", "redb"));
        Member::start(config).await.err().expect("it is not finished");
        fs::remove_dir_all(&output).expect("it can be removed");
        fs::write(path, &sound[path]).expect("it is written");
        assert_eq!(convert(&conversion).expect("it is sound again").hash, hashed);
        fs::remove_dir_all(&output).expect("it can be removed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_is_left_alone() {
    let seat = Seat::new("one");
    for parts in [("wal", "lsm"), ("sled", "redb")] {
        let data = TempDir::new().expect("there is room for a folder");
        let member = start(moved(&seat, data.path(), &seat.listing(), parts)).await;
        let output = data.path().with_extension("output");
        let mut conversion = conversion(&seat, &output, "wal", "lsm");
        conversion.data_dir = data.path().to_owned();
        let error = convert(&conversion).expect_err("it is in use").to_string();
        assert!(error.ends_with("is in use by another process"), "{error}");
        assert!(!output.exists(), "nothing is made");
        put(&seat, "a", "1").await;
        stop(member).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_touches_nothing() {
    let (seat, _) = filled("wal", "lsm").await;
    let before = files(seat.folder.path());
    let output = seat.folder.path().join("output");
    let refused = |conversion: &Conversion| {
        let error = convert(conversion).expect_err("it is refused").to_string();
        assert!(files(seat.folder.path()) == before && !output.exists(), "{error}");
        error
    };
    let usual = || conversion(&seat, &output, "wal", "redb");
    assert_eq!(
        refused(&conversion(&seat, &output, "wal", "memory")),
        "--backend=memory forgets everything when its process ends: nothing is kept"
    );
    assert_eq!(
        refused(&conversion(&seat, &output, "memory", "redb")),
        "--raft-log=memory forgets everything when its process ends: nothing is kept"
    );
    let error = refused(&conversion(&seat, &output, "wal", "bolt"));
    assert!(error.starts_with("--backend=bolt: there is no such engine"), "{error}");
    let inside = Conversion { output_dir: data_dir(&seat).join("member/new"), ..usual() };
    assert!(refused(&inside).contains("which is to stay as it is"));
    let same = Conversion { output_dir: data_dir(&seat), ..usual() };
    assert!(refused(&same).ends_with("is not empty"));
    let nothing = Conversion { data_dir: seat.folder.path().join("nothing"), ..usual() };
    assert!(refused(&nothing).ends_with("holds no data"));
    let elsewhere = Conversion { wal_dir: Some(seat.folder.path().join("wal")), ..usual() };
    assert!(refused(&elsewhere).ends_with("is missing: --wal-dir says where it is"));
}

/// A log that lies elsewhere is found by its flag, and lies in the data directory afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_may_lie_elsewhere() {
    let seat = Seat::new("one");
    let wal_dir = seat.folder.path().join("elsewhere");
    let flag = format!("--wal-dir={}", wal_dir.display());
    let member = start(seat.config(&seat.listing(), &[&flag])).await;
    put(&seat, "a", "1").await;
    stop(member).await;
    let output = seat.folder.path().join("output");
    let conversion = Conversion {
        wal_dir: Some(wal_dir),
        backend: None,
        raft_log: None,
        ..conversion(&seat, &output, "", "")
    };
    let converted = convert_soon(&conversion).await;
    assert_eq!(converted.from, converted.to);
    let member = start(moved(&seat, &output, &seat.listing(), ("wal", "lsm"))).await;
    assert_eq!(get(&seat, "a").await.as_deref(), Some(&b"1"[..]));
    stop(member).await;
}
