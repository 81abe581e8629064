//! Random histories with crashes, against a model.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use units::{Entry, HardState, Index};

use super::{Subject, contents, created, entries, entry, marker, opened, position};
use crate::{Marker, Opened, RaftLog, TermRun};

const HISTORIES: u64 = 40;
const STEPS: u64 = 60;

/// Whatever is appended, truncated, trimmed, installed and lost: the log shows what a list of
/// entries would, and after a crash what such a list was at some moment since the last sync.
pub fn random_histories_match_a_model<S: Subject>(subject: impl Fn() -> S) {
    for seed in 0..HISTORIES {
        let subject = subject();
        let mut history = History::new(created(&subject), seed);
        for _ in 0..STEPS {
            history.step(&subject);
        }
    }
}

struct History {
    /// Only between two logs there is none.
    log: Option<Box<dyn RaftLog>>,
    random: Random,
    seed: u64,
    /// The newest term used.
    term: u64,
    marker: Marker,
    /// The last is what a reader must see; the first was synced. Each differs from the one before
    /// by one entry or one hard state.
    moments: Vec<Moment>,
    /// The hard states since the last sync, that one included, each with the moment it came at.
    hard_states: Vec<(usize, HardState)>,
}

/// All entries since the last installed marker or the beginning, trimmed ones too.
#[derive(Clone, Debug, Default)]
struct Moment {
    /// The index before the first.
    base: u64,
    entries: Vec<Entry>,
}

impl History {
    fn new(log: Box<dyn RaftLog>, seed: u64) -> Self {
        Self {
            log: Some(log),
            random: Random(seed),
            seed,
            term: 1,
            marker: Marker::default(),
            moments: vec![Moment::default()],
            hard_states: vec![(0, HardState::default())],
        }
    }

    fn step(&mut self, subject: &impl Subject) {
        match self.random.below(20) {
            0..=9 => self.append(),
            10..=13 => self.sync(),
            14 => self.trim(),
            15 => self.install(),
            16 | 17 => self.start(subject, Ending::Crash),
            18 => self.start(subject, Ending::Stop),
            _ => {}
        }
        self.compare();
    }

    fn append(&mut self) {
        let now = self.now().clone();
        let (last, commit) = (now.last(), self.hard_state().commit.0);
        let truncates = last > commit && self.random.below(4) == 0;
        if truncates || self.random.below(10) == 0 {
            self.term += 1;
        }
        let first =
            if truncates { commit + 1 + self.random.below(last - commit) } else { last + 1 };
        let new = match self.random.below(5) {
            0 if !truncates => Vec::new(),
            _ => entries(self.term, first, first + self.random.below(12)),
        };
        for one in &new {
            let mut next = self.now().clone();
            next.entries.truncate(usize::try_from(one.index.0 - 1 - next.base).expect("few"));
            next.entries.push(one.clone());
            self.moments.push(next);
        }
        let hard_state = (self.random.below(3) > 0).then(|| {
            let commit = commit + self.random.below(self.now().last() - commit + 1);
            super::hard_state(self.term, commit)
        });
        self.log().append(&new, hard_state).expect("appends");
        if let Some(hard_state) = hard_state {
            self.hard_states.push((self.moments.len() - 1, hard_state));
        }
    }

    fn sync(&mut self) {
        self.log().sync().expect("syncs");
        self.settle();
    }

    /// Up to a committed entry, as an owner does.
    fn trim(&mut self) {
        let (from, commit) = (self.marker.position.index.0, self.hard_state().commit.0);
        if commit <= from {
            return;
        }
        let index = from + 1 + self.random.below(commit - from);
        let Some(term) = self.now().term(index) else { return };
        let marker = marker(term, index);
        self.log().trim(&marker).expect("trims");
        self.marker = marker;
        self.settle();
    }

    /// At or behind the commit index; sometimes behind the end.
    fn install(&mut self) {
        let (last, commit) = (self.now().last(), self.hard_state().commit.0);
        let index = commit + 1 + self.random.below(last - commit + 20);
        self.term += 1;
        let marker = marker(self.term, index);
        self.log().install(&marker).expect("installs");
        self.marker = marker;
        self.moments.push(Moment { base: index, entries: Vec::new() });
        self.settle();
    }

    fn start(&mut self, subject: &impl Subject, ending: Ending) {
        let log = self.log.take().expect("a log was opened");
        match ending {
            Ending::Crash => subject.crash(log),
            Ending::Stop => drop(log),
        }
        let found = opened(subject);
        let moment = self.moment_of(&found);
        self.moments = vec![self.moments.swap_remove(moment)];
        self.hard_states = vec![(0, found.hard_state)];
        assert_eq!(found.marker, self.marker, "seed {}", self.seed);
        let first = found.log.reader().bounds().0;
        let now = self.now();
        let last = now.last();
        let term = now.term(last).unwrap_or(self.marker.position.term.0);
        assert_eq!(found.last, position(term, last), "seed {}", self.seed);
        assert_eq!(found.runs, now.runs_from(first), "seed {}", self.seed);
        self.log = Some(found.log);
    }

    /// The last moment since the sync that shows what was found.
    fn moment_of(&self, found: &Opened) -> usize {
        let reader = found.log.reader();
        let (first, left) = (reader.bounds().0, contents(&*reader));
        let known = self.hard_states.iter().find(|(_, state)| *state == found.hard_state);
        let Some((since, _)) = known else {
            panic!("seed {}: no such hard state: {:?}", self.seed, found.hard_state);
        };
        let same = |moment: &Moment| moment.entries_from(first) == left;
        match self.moments.iter().rposition(same) {
            Some(moment) if moment >= *since => moment,
            Some(_) => panic!("seed {}: a hard state is shown before its entries", self.seed),
            None => panic!("seed {}: the log was never {left:?}", self.seed),
        }
    }

    fn compare(&self) {
        let reader = self.log.as_ref().expect("a log was opened").reader();
        let (first, last) = reader.bounds();
        assert!(first <= self.marker.position.index.next(), "seed {}", self.seed);
        assert_eq!(last, Index(self.now().last()), "seed {}", self.seed);
        assert_eq!(contents(&*reader), self.now().entries_from(first), "seed {}", self.seed);
    }

    /// All that was appended is durable.
    fn settle(&mut self) {
        self.moments.drain(..self.moments.len() - 1);
        let newest = self.hard_state();
        let commit = newest.commit.max(self.marker.position.index);
        self.hard_states = vec![(0, HardState { commit, ..newest })];
    }

    fn log(&mut self) -> &mut dyn RaftLog {
        &mut **self.log.as_mut().expect("a log was opened")
    }

    fn now(&self) -> &Moment {
        self.moments.last().expect("there is always a moment")
    }

    fn hard_state(&self) -> HardState {
        self.hard_states.last().expect("there is always a hard state").1
    }
}

impl Moment {
    fn last(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    fn term(&self, index: u64) -> Option<u64> {
        let place = index.checked_sub(self.base + 1)?;
        Some(self.entries.get(usize::try_from(place).ok()?)?.term.0)
    }

    fn entries_from(&self, first: Index) -> &[Entry] {
        let Some(skipped) = first.0.checked_sub(self.base + 1) else {
            panic!("what came before the install is shown from {first} on");
        };
        self.entries.get(usize::try_from(skipped).expect("few")..).unwrap_or_default()
    }

    fn runs_from(&self, first: Index) -> Vec<TermRun> {
        let mut runs: Vec<TermRun> = Vec::new();
        for one in self.entries_from(first) {
            assert_eq!(*one, entry(one.term.0, one.index.0), "the model holds what was appended");
            if runs.last().is_none_or(|run| run.term != one.term) {
                runs.push(TermRun { first: one.index, term: one.term });
            }
        }
        runs
    }
}

#[derive(Clone, Copy)]
enum Ending {
    Crash,
    Stop,
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
