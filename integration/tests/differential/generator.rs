//! Scripts made of chance: everything that can be asked, often enough of what is there, and often
//! enough wrong.

mod keyspace;
mod leases;
mod members;
mod watches;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use fastrand::Rng;
use prost::Message;
use proto::etcdserverpb::{AlarmRequest, CompactionRequest, HashKvRequest};

use crate::answer::Answer;
use crate::script::Step;

/// Steps of one kind, and how many of a thousand they are.
type Kind = (u32, fn(&mut Generator));

/// What a script is made of.
const KINDS: [Kind; 14] = [
    (240, Generator::put),
    (90, Generator::delete_range),
    (190, Generator::range),
    (40, Generator::range_stream),
    (210, Generator::txn),
    (20, Generator::compact),
    (30, Generator::hash),
    (40, Generator::grant),
    (15, Generator::revoke),
    (35, Generator::ask_of_lease),
    (50, Generator::watch),
    (25, Generator::settle_or_cancel),
    (12, Generator::ask_of_members),
    (3, Generator::alarm),
];

/// How many steps are asked under an alarm.
const ALARMED_STEPS: usize = 6;

/// Who is to answer a script.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Audience {
    /// etcd 3.5.1 too: nothing is asked that would leave something else in it than in 3.7.
    All,
    /// etcd 3.7 and etcdd only.
    Newest,
}

/// Invents steps. Told of the answers, it knows which revisions there are.
pub(crate) struct Generator {
    rng: Rng,
    audience: Audience,
    /// Steps that are decided upon.
    planned: VecDeque<Step>,
    /// How many steps are still to be invented, the planned ones not counted.
    left: usize,
    /// After how many of them the server is killed.
    restart_at: usize,
    /// The newest revision.
    revision: i64,
    /// The newest compaction that succeeded.
    compacted: i64,
    /// How many leases were granted, so that each has a time of its own.
    grants: i64,
    /// Which watchers there may be on which stream.
    watchers: BTreeMap<u8, Vec<i64>>,
    /// How many steps will be asked before the alarm is switched off.
    alarmed: Option<usize>,
}

impl Generator {
    /// A script of at least that many steps, killed once in the middle.
    pub(crate) fn new(seed: u64, steps: usize, audience: Audience) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            audience,
            planned: VecDeque::new(),
            left: steps,
            restart_at: steps / 2,
            revision: 1,
            compacted: 0,
            grants: 0,
            watchers: BTreeMap::new(),
            alarmed: None,
        }
    }

    /// The next step; none when the script is complete.
    pub(crate) fn next_step(&mut self) -> Option<Step> {
        while self.planned.is_empty() {
            if self.left == 0 {
                return None;
            }
            self.left -= 1;
            match self.left {
                0 => self.end(),
                left if left == self.restart_at => self.restart(),
                _ => self.invent(),
            }
        }
        self.planned.pop_front()
    }

    /// Learns from an answer.
    pub(crate) fn hear(&mut self, step: &Step, answer: &Answer) {
        self.revision = self.revision.max(answer.revision());
        if step.calls("KV.Compact") && answer.refusal.is_none() {
            self.compacted = step.request::<CompactionRequest>().revision;
        }
        self.hear_of_watch(step, answer);
    }

    fn invent(&mut self) {
        if let Some(left) = self.alarmed.take() {
            match left.checked_sub(1) {
                Some(left) => self.alarmed = Some(left),
                None => self.switch_alarm_off(),
            }
        }
        let total = KINDS.iter().map(|(share, _)| share).sum();
        let mut drawn = self.rng.u32(0..total);
        for (share, invent) in KINDS {
            if drawn < share {
                return invent(self);
            }
            drawn -= share;
        }
    }

    fn plan(&mut self, method: &str, request: &impl Message) {
        self.planned.push_back(Step::call(method, request));
    }

    /// Watch streams end with the server; what was told before is looked at.
    fn restart(&mut self) {
        self.settle_all();
        self.watchers.clear();
        self.hash();
        self.planned.push_back(Step::Restart);
        self.hash();
    }

    /// Lets watchers of the future have their revisions, and looks at everything.
    fn end(&mut self) {
        if self.alarmed.take().is_some() {
            self.switch_alarm_off();
        }
        for _ in 0..watches::FUTURE_MAX {
            let request = self.simple_put();
            self.plan("KV.Put", &request);
        }
        self.settle_all();
        self.look_at_everything();
    }

    fn compact(&mut self) {
        let revision = match self.rng.u8(0..10) {
            0 => self.rng.i64(-2..=self.compacted),
            1 => self.revision + self.rng.i64(1..4),
            2 => self.revision,
            _ => self.rng.i64(self.compacted.min(self.revision)..=self.revision),
        };
        let physical = self.audience == Audience::All || !self.one_in(5);
        let request = CompactionRequest { revision, physical };
        self.plan("KV.Compact", &request);
    }

    fn hash(&mut self) {
        let revision = match self.rng.u8(0..10) {
            0 => self.rng.i64(-1..=self.compacted),
            1 => self.revision + 1,
            2..5 => 0,
            _ => self.some_past(),
        };
        self.plan("Maintenance.HashKV", &HashKvRequest { revision });
    }

    fn alarm(&mut self) {
        if self.alarmed.is_none() {
            let alarm = if self.rng.u8(0..4) == 0 { 2 } else { 1 };
            self.plan("Maintenance.Alarm", &AlarmRequest { action: 1, alarm, member_id: 0 });
            self.alarmed = Some(ALARMED_STEPS);
        }
    }

    /// Both, as it is not remembered which it is.
    fn switch_alarm_off(&mut self) {
        self.plan("Maintenance.Alarm", &AlarmRequest::default());
        for alarm in [1, 2] {
            self.plan("Maintenance.Alarm", &AlarmRequest { action: 2, alarm, member_id: 0 });
        }
    }

    /// A revision that is there, more often a late one.
    fn some_past(&mut self) -> i64 {
        let first = self.compacted.max(1).min(self.revision);
        let from = if self.rng.bool() { first } else { first.max(self.revision - 10) };
        self.rng.i64(from..=self.revision)
    }

    /// A revision that may be compacted, in the future, or nonsense.
    fn some_revision(&mut self) -> i64 {
        match self.rng.u8(0..20) {
            0 => self.revision + self.rng.i64(1..3),
            1 => self.rng.i64(0..=self.compacted.max(0)),
            2 => -self.rng.i64(1..6),
            _ => self.some_past(),
        }
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        self.rng.choice(from).expect("there is something to choose from").clone()
    }

    fn one_in(&mut self, many: u32) -> bool {
        self.rng.u32(0..many) == 0
    }

    fn bytes(text: &'static [u8]) -> Bytes {
        Bytes::from_static(text)
    }
}
