//! Random histories in which the power fails in the middle of anything.

use raftlog::Marker;
use units::{Entry, HardState, Index};

use super::world::{World, contents, entry, hard_state, marker};

/// What must be found: the state at the last call that succeeded, or what the one that failed would
/// have made of it.
struct Model {
    marker: Marker,
    /// The index before the first entry.
    base: u64,
    entries: Vec<Entry>,
    /// How many of them are synced.
    synced: usize,
    /// What the last synced entry or the marker commits.
    hard_states: Vec<HardState>,
}

#[test]
fn every_acknowledged_entry_survives() {
    for seed in 0..150 {
        let mut random = Random(seed);
        let world = World::new(seed, 1024);
        let mut log = world.create().expect("creates").log;
        let mut model = Model {
            marker: Marker::default(),
            base: 0,
            entries: Vec::new(),
            synced: 0,
            hard_states: vec![HardState::default()],
        };
        for cut in 0..25 {
            world.disk.power_off_after(random.below(40));
            let mut installing = None;
            while installing.is_none() && model.act(&mut *log, &mut random, &mut installing) {}
            world.disk.crash();
            drop(log);
            let opened = world.open().unwrap_or_else(|fault| panic!("seed {seed}/{cut}: {fault}"));
            model.check(&opened, installing, &format!("seed {seed}/{cut}"));
            log = opened.log;
        }
    }
}

impl Model {
    /// One thing; whether it was done. A snapshot that may or may not be there is told.
    fn act(
        &mut self,
        log: &mut dyn raftlog::RaftLog,
        random: &mut Random,
        installing: &mut Option<Marker>,
    ) -> bool {
        let last = self.base + self.entries.len() as u64;
        let newest = self.hard_states[self.hard_states.len() - 1];
        match random.below(12) {
            0..=5 => {
                for index in last + 1..=last + random.below(6) {
                    let length = usize::try_from(random.below(300)).expect("it is small");
                    let one = entry(1, index, length);
                    if log.append(std::slice::from_ref(&one), None).is_err() {
                        return false;
                    }
                    self.entries.push(one);
                }
                let end = self.base + self.entries.len() as u64;
                let commit = newest.commit.0 + random.below(end - newest.commit.0 + 1);
                self.hard_states.push(hard_state(1, commit));
                log.append(&[], Some(hard_state(1, commit))).is_ok()
            }
            6..=9 => {
                let done = log.sync().is_ok();
                if done {
                    self.settle();
                }
                done
            }
            10 => {
                let (low, high) = (self.marker.position.index.0, newest.commit.0);
                if low == high {
                    return true;
                }
                let new = marker(1, low + 1 + random.below(high - low));
                if log.trim(&new).is_err() {
                    *installing = Some(new);
                    return false;
                }
                self.marker = new;
                self.settle();
                true
            }
            _ => {
                let new = marker(1, last + 1 + random.below(20));
                *installing = Some(new.clone());
                if log.install(&new).is_err() {
                    return false;
                }
                self.restart(&new, newest);
                *installing = None;
                true
            }
        }
    }

    fn settle(&mut self) {
        self.synced = self.entries.len();
        self.hard_states.drain(..self.hard_states.len() - 1);
    }

    fn restart(&mut self, new: &Marker, newest: HardState) {
        self.marker = new.clone();
        self.base = new.position.index.0;
        self.entries.clear();
        self.synced = 0;
        self.hard_states = vec![HardState { commit: new.position.index, ..newest }];
    }

    fn check(&mut self, opened: &raftlog::Opened, unsure: Option<Marker>, seed: &str) {
        let last = self.base + self.entries.len() as u64;
        if let Some(new) = unsure.filter(|new| *new == opened.marker) {
            if new.position.index.0 > last {
                let newest = self.hard_states[self.hard_states.len() - 1];
                self.restart(&new, newest);
            }
            self.marker = new;
        }
        assert_eq!(opened.marker, self.marker, "{seed}");
        let first = opened.log.reader().bounds().0;
        assert!(Index(self.base) < first && first <= self.marker.position.index.next(), "{seed}");
        let left = contents(&*opened.log.reader());
        let skipped = usize::try_from(first.0 - self.base - 1).expect("it is small");
        let end = skipped + left.len();
        assert!(end >= self.synced, "{seed}: of {} synced entries {end} are left", self.synced);
        assert_eq!(left, self.entries[skipped..end], "{seed}");
        let commit = opened.hard_state.commit;
        let known = self.hard_states.iter().any(|state| state.commit == commit);
        assert!(known || commit == self.marker.position.index, "{seed}: {:?}", opened.hard_state);
        assert!(commit >= self.hard_states[0].commit, "{seed}: {:?}", opened.hard_state);
        self.entries.truncate(end);
        self.hard_states = vec![opened.hard_state];
        self.settle();
    }
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
