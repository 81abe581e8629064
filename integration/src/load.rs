//! Writers in the background, and what they were promised.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::client::{Client, Consistency};
use crate::condition::{PATIENCE, eventually};

/// A writer turns to another member sooner than a server would answer that it has given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);

/// Some threads that write as fast as they are answered, each key once, until they are told to
/// stop.
#[derive(Debug)]
pub struct Load {
    prefix: String,
    endpoints: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    writers: Vec<JoinHandle<Ledger>>,
}

/// What was written, by key. Each key is written by one request, which is never repeated; so its
/// revision is known if it was acknowledged, and it may exist or not if it was not.
#[derive(Debug, Default)]
pub struct Ledger {
    acknowledged: BTreeMap<String, i64>,
    unknown: BTreeSet<String>,
}

impl Load {
    /// Starts writers, each with the prefix and keys of its own.
    pub fn start(prefix: &str, endpoints: Vec<String>, writers: usize) -> Self {
        let endpoints = Arc::new(Mutex::new(endpoints));
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let writers = (0..writers)
            .map(|writer| {
                let keys = format!("{prefix}/{writer}");
                let endpoints = Arc::clone(&endpoints);
                let stop = Arc::clone(&stop);
                let acknowledged = Arc::clone(&acknowledged);
                thread::spawn(move || write(writer, &keys, &endpoints, &stop, &acknowledged))
            })
            .collect();
        Self { prefix: prefix.to_owned(), endpoints, stop, acknowledged, writers }
    }

    /// Tells the writers of other members, as when the cluster has grown. They use them after their
    /// next failure.
    pub fn redirect(&self, endpoints: Vec<String>) {
        *self.endpoints.lock().expect("whoever holds the list does not panic") = endpoints;
    }

    /// How many writes have been acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until that many more writes have been acknowledged.
    pub fn wait_for_more(&self, writes: u64) {
        let wanted = self.acknowledged() + writes;
        eventually(PATIENCE, "acknowledged writes", || match self.acknowledged() {
            enough if enough >= wanted => Ok(()),
            few => Err(format!("{few} of {wanted}")),
        });
    }

    /// Stops the writers and collects what they know.
    pub fn finish(self) -> Ledger {
        self.stop.store(true, Ordering::Relaxed);
        let mut whole = Ledger::default();
        for writer in self.writers {
            let part = writer.join().expect("a writer does not panic");
            whole.acknowledged.extend(part.acknowledged);
            whole.unknown.extend(part.unknown);
        }
        assert!(!whole.acknowledged.is_empty(), "nothing under {} was written", self.prefix);
        whole
    }
}

fn write(
    writer: usize,
    keys: &str,
    endpoints: &Mutex<Vec<String>>,
    stop: &AtomicBool,
    acknowledged: &AtomicU64,
) -> Ledger {
    let members = || endpoints.lock().expect("whoever holds the list does not panic").clone();
    let mut known = members();
    let mut client = Client::with_timeout(known.clone(), WRITE_TIMEOUT);
    (0..writer).for_each(|_| client.turn());
    let mut ledger = Ledger::default();
    for sequence in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("{keys}/{sequence:08}");
        match client.put(&key, &value_of(&key)) {
            Ok(revision) => {
                ledger.acknowledged.insert(key, revision);
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {
                ledger.unknown.insert(key);
                // While nobody answers, there is nothing to be gained by asking faster.
                thread::sleep(Duration::from_millis(10));
                let now = members();
                if now != known {
                    client = Client::with_timeout(now.clone(), WRITE_TIMEOUT);
                    known = now;
                }
            }
        }
    }
    ledger
}

fn value_of(key: &str) -> String {
    format!("value of {key}")
}

impl Ledger {
    /// How many writes were acknowledged.
    pub fn len(&self) -> usize {
        self.acknowledged.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.acknowledged.is_empty()
    }

    /// Checks the keys with this prefix, as one member has them, against what was promised: every
    /// acknowledged write is there, unchanged and at its revision; nothing is there that nobody
    /// wrote.
    ///
    /// # Panics
    ///
    /// When a promise is broken.
    pub fn check(&self, prefix: &str, client: &mut Client, consistency: Consistency) -> Vec<i64> {
        let (_, records) =
            eventually(PATIENCE, "reading everything back", || client.prefix(prefix, consistency));
        let mut revisions = Vec::with_capacity(records.len());
        let mut found = BTreeSet::new();
        for record in records {
            assert_eq!(record.value, value_of(&record.key), "{} has a foreign value", record.key);
            assert_eq!(
                (record.version, record.create_revision),
                (1, record.mod_revision),
                "{} was written more than once",
                record.key
            );
            match self.acknowledged.get(&record.key) {
                Some(&promised) => assert_eq!(
                    record.mod_revision, promised,
                    "{} was acknowledged at another revision",
                    record.key
                ),
                None => {
                    assert!(self.unknown.contains(&record.key), "nobody wrote {}", record.key);
                }
            }
            revisions.push(record.mod_revision);
            found.insert(record.key);
        }
        let lost: Vec<&String> =
            self.acknowledged.keys().filter(|key| !found.contains(*key)).collect();
        assert!(lost.is_empty(), "{} acknowledged writes are lost: {lost:?}", lost.len());
        revisions.sort_unstable();
        revisions
    }

    /// As [`Ledger::check`]; and since nobody else has written, every revision between the first
    /// and the last belongs to exactly one of the keys.
    ///
    /// # Panics
    ///
    /// When a promise is broken.
    pub fn check_alone(&self, prefix: &str, client: &mut Client, consistency: Consistency) {
        let revisions = self.check(prefix, client, consistency);
        for pair in revisions.windows(2) {
            assert_eq!(pair[0] + 1, pair[1], "revisions are not continuous");
        }
    }
}
