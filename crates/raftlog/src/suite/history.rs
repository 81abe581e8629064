//! Random histories with crashes, against a model.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use units::{Entry, HardState, Index, Position};

use super::{Subject, contents, created, entries, entry, marker, opened, position};
use crate::{Fault, Marker, Opened, RaftLog, TermRun};

const HISTORIES: u64 = 100;
const STEPS: u64 = 80;

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
    /// Whether the power is about to fail.
    doomed: bool,
    /// The newest term used.
    term: u64,
    marker: Marker,
    /// Those that the log was given when the power failed: they may turn up at any start.
    markers_given: Vec<Marker>,
    /// The last is what a reader must see; the first was synced. Each differs from the one before
    /// by one entry or an install.
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
            doomed: false,
            term: 1,
            marker: Marker::default(),
            markers_given: Vec::new(),
            moments: vec![Moment::default()],
            hard_states: vec![(0, HardState::default())],
        }
    }

    fn step(&mut self, subject: &impl Subject) {
        let done = match self.random.below(24) {
            0..=9 => self.append(),
            10..=14 => self.sync(),
            15 | 16 => self.trim(),
            17 => self.install(),
            18 | 19 => {
                self.start(subject, Ending::Crash);
                Ok(())
            }
            20 if !self.doomed => {
                self.start(subject, Ending::Stop);
                Ok(())
            }
            _ => {
                self.doomed |= subject.lose_power_after(self.random.below(12));
                Ok(())
            }
        };
        if let Err(fault) = done {
            assert!(self.doomed, "seed {}: {fault}", self.seed);
            self.start(subject, Ending::Crash);
        }
        self.compare();
    }

    fn append(&mut self) -> Result<(), Fault> {
        let (last, commit, kept) = (self.now().last(), self.hard_state().commit.0, self.kept());
        let truncates = last > kept && self.random.below(4) == 0;
        if truncates || self.random.below(10) == 0 {
            self.term += 1;
        }
        let first = if truncates { kept + 1 + self.random.below(last - kept) } else { last + 1 };
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
        self.hard_states.extend(hard_state.map(|state| (self.moments.len() - 1, state)));
        self.log().append(&new, hard_state)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.log().sync()?;
        self.settle();
        Ok(())
    }

    /// Up to a committed entry, as an owner does.
    fn trim(&mut self) -> Result<(), Fault> {
        let (from, commit) = (self.marker.position.index.0, self.hard_state().commit.0);
        if commit <= from {
            return Ok(());
        }
        // Only what is durable here is applied, and only what is applied is trimmed.
        self.sync()?;
        let index = from + 1 + self.random.below(commit - from);
        let term = self.now().term(index).expect("what is committed is held");
        self.markers_given.push(marker(term, index));
        self.log().trim(&marker(term, index))?;
        self.marker = marker(term, index);
        self.markers_given.clear();
        self.settle();
        Ok(())
    }

    /// Behind the commit index; sometimes behind the end.
    fn install(&mut self) -> Result<(), Fault> {
        let (last, newest, kept) = (self.now().last(), self.hard_state(), self.kept());
        let index = kept + 1 + self.random.below(last - kept + 20);
        self.term += 1;
        let marker = marker(self.term, index);
        self.markers_given.push(marker.clone());
        self.moments.push(Moment { base: index, entries: Vec::new() });
        let commit = Index(index);
        self.hard_states.push((self.moments.len() - 1, HardState { commit, ..newest }));
        self.log().install(&marker)?;
        self.marker = marker;
        self.markers_given.clear();
        self.settle();
        Ok(())
    }

    fn start(&mut self, subject: &impl Subject, ending: Ending) {
        let log = self.log.take().expect("a log was opened");
        match ending {
            Ending::Crash => subject.crash(log),
            Ending::Stop => drop(log),
        }
        self.doomed = false;
        let found = opened(subject);
        let (marker, commit) = (found.marker.position.index, found.hard_state.commit);
        assert!(marker <= commit, "seed {}: {marker} is not committed", self.seed);
        let moment = self.moment_of(&found);
        self.moments = vec![self.moments.swap_remove(moment)];
        self.hard_states = vec![(0, found.hard_state)];
        if found.marker != self.marker {
            let given = self.markers_given.contains(&found.marker);
            assert!(given, "seed {}: a marker that is not {:?}", self.seed, self.marker);
            self.marker = found.marker;
        }
        let now = self.moments[0].clone();
        let Position { term, index } = self.marker.position;
        assert!(now.base <= index.0 && index.0 <= now.last(), "seed {}", self.seed);
        let term = now.term(now.last()).unwrap_or(term.0);
        assert_eq!(found.last, position(term, now.last()), "seed {}", self.seed);
        let first = found.log.reader().bounds().0;
        assert_eq!(Some(found.runs), now.runs_from(first), "seed {}", self.seed);
        // A marker that was written, with a commit index that was not, counts once that is.
        self.markers_given.retain(|given| {
            let Position { term, index } = given.position;
            index > self.marker.position.index && now.term(index.0) == Some(term.0)
        });
        self.log = Some(found.log);
    }

    /// The last moment since the sync that shows what was found.
    fn moment_of(&self, found: &Opened) -> usize {
        let reader = found.log.reader();
        let ((first, last), left) = (reader.bounds(), contents(&*reader));
        let known = self.hard_states.iter().find(|(_, state)| *state == found.hard_state);
        let Some((since, _)) = known else {
            panic!("seed {}: no such hard state: {:?}", self.seed, found.hard_state);
        };
        let same = |moment: &Moment| {
            moment.last() == last.0 && moment.entries_from(first) == Some(&left[..])
        };
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
        if first > last {
            return;
        }
        match reader.read(first, last, super::EVERYTHING) {
            Ok(left) => assert_eq!(Some(&left[..]), self.now().entries_from(first)),
            Err(error) => assert!(self.doomed, "seed {}: {error}", self.seed),
        }
    }

    /// All that was appended is durable.
    fn settle(&mut self) {
        self.moments.drain(..self.moments.len() - 1);
        self.hard_states = vec![(0, self.hard_state())];
    }

    /// What is committed: a marker's entry is, even if the log has forgotten how far it was.
    fn kept(&self) -> u64 {
        let given = self.markers_given.iter().map(|marker| marker.position.index.0).max();
        given.unwrap_or_default().max(self.hard_state().commit.0)
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

    /// `None` if that is before an install.
    fn entries_from(&self, first: Index) -> Option<&[Entry]> {
        let skipped = first.0.checked_sub(self.base + 1)?;
        self.entries.get(usize::try_from(skipped).ok()?..)
    }

    fn runs_from(&self, first: Index) -> Option<Vec<TermRun>> {
        let mut runs: Vec<TermRun> = Vec::new();
        for one in self.entries_from(first)? {
            assert_eq!(*one, entry(one.term.0, one.index.0), "the model holds what was appended");
            if runs.last().is_none_or(|run| run.term != one.term) {
                runs.push(TermRun { first: one.index, term: one.term });
            }
        }
        Some(runs)
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
