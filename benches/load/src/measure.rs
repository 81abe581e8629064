//! What is measured, in which unit, which direction is better, and how good it should be.

/// What is measured, and in which unit.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Measure {
    /// Answers per second.
    PerSecond,
    /// Half of the answers came within so many milliseconds.
    P50Ms,
    /// 99 of a hundred answers came within so many milliseconds.
    P99Ms,
    /// 999 of a thousand answers came within so many milliseconds.
    P999Ms,
    /// All answers came within so many milliseconds.
    LongestMs,
    /// CPU seconds of all members per thousand answers.
    CpuPerThousand,
    /// KiB that were written to the members' disk, per answer.
    WrittenKib,
    /// How long it took, in seconds.
    Seconds,
    /// How many times longer 99 of a hundred answers took than in calm.
    P99ToCalm,
    /// How many times longer the longest answer took than in calm.
    LongestToCalm,
    /// How many times longer it took than with few keys.
    SecondsToFew,
    /// Memory of all members, in MiB.
    ResidentMib,
    /// Of it, what no file backs.
    AnonymousMib,
    /// Files of all members, in MiB.
    DiskMib,
    /// How many times more memory than with few keys.
    ResidentToFew,
    /// CPU microseconds of the generator per answer: what it took from the servers.
    OwnCpuUs,
}

impl Measure {
    const ALL: [Self; 16] = [
        Self::PerSecond,
        Self::P50Ms,
        Self::P99Ms,
        Self::P999Ms,
        Self::LongestMs,
        Self::CpuPerThousand,
        Self::WrittenKib,
        Self::Seconds,
        Self::P99ToCalm,
        Self::LongestToCalm,
        Self::SecondsToFew,
        Self::ResidentMib,
        Self::AnonymousMib,
        Self::DiskMib,
        Self::ResidentToFew,
        Self::OwnCpuUs,
    ];

    /// The measure with this [name](Self::name).
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "per second",
            Self::P50Ms => "p50 ms",
            Self::P99Ms => "p99 ms",
            Self::P999Ms => "p99.9 ms",
            Self::LongestMs => "longest ms",
            Self::CpuPerThousand => "CPU s per 1,000",
            Self::WrittenKib => "KiB written each",
            Self::Seconds => "seconds",
            Self::P99ToCalm => "p99 ÷ calm p99",
            Self::LongestToCalm => "longest ÷ calm longest",
            Self::SecondsToFew => "seconds ÷ those with few keys",
            Self::ResidentMib => "resident MiB",
            Self::AnonymousMib => "of it anonymous",
            Self::DiskMib => "disk MiB",
            Self::ResidentToFew => "resident ÷ that with few keys",
            Self::OwnCpuUs => "generator's CPU µs each",
        }
    }

    pub(crate) fn more_is_better(self) -> bool {
        self == Self::PerSecond
    }

    /// Whether two servers' numbers may be compared. Those that compare a server with itself may
    /// not.
    pub(crate) fn is_comparable(self) -> bool {
        let by_itself = [
            Self::LongestToCalm,
            Self::OwnCpuUs,
            Self::P99ToCalm,
            Self::ResidentToFew,
            Self::SecondsToFew,
        ];
        !by_itself.contains(&self)
    }

    /// How many times better a number is than another; `None` where that is nothing to be said.
    pub(crate) fn gain(self, number: f64, reference: f64) -> Option<f64> {
        let (better, worse) =
            if self.more_is_better() { (number, reference) } else { (reference, number) };
        (self.is_comparable() && worse > 0.0).then(|| better / worse)
    }

    /// Whether it says something about the server.
    pub(crate) fn is_of_servers(self) -> bool {
        self != Self::OwnCpuUs
    }
}

/// How good something should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// So many times better than the reference.
    Better(f64),
    /// At most so much.
    AtMost(f64),
}

/// Loads whose names begin so, a measure, and its targets for one member and for three.
const TARGETS: &[(&str, Measure, Target, Target)] = {
    use Measure::{
        CpuPerThousand, DiskMib, LongestToCalm, P50Ms, P99Ms, P99ToCalm, PerSecond, ResidentMib,
        ResidentToFew, Seconds, SecondsToFew,
    };
    use Target::{AtMost, Better};
    &[
        // 15 MB.
        ("idle", ResidentMib, AtMost(14.3), AtMost(14.3)),
        ("put, 1000 clients", CpuPerThousand, Better(1.0 / 0.45), Better(1.0 / 0.40)),
        ("linearizable get, 1000 clients", CpuPerThousand, Better(1.0 / 0.55), Better(1.0 / 0.55)),
        ("put, 1000 clients", PerSecond, Better(1.6), Better(1.6)),
        ("linearizable get, 1000 clients", PerSecond, Better(1.6), Better(1.6)),
        ("put, 1 client", P50Ms, Better(1.0 / 0.85), Better(1.0 / 0.7)),
        ("page of 500", PerSecond, Better(8.0), Better(8.0)),
        ("whole range", PerSecond, Better(4.0), Better(4.0)),
        ("1000 watchers of 600 puts a second", P99Ms, Better(4.0), Better(4.0)),
        ("keep-alives of 10000 leases", PerSecond, Better(1.5), Better(1.5)),
        ("1000 puts a second during compaction", P99ToCalm, AtMost(1.5), AtMost(1.5)),
        ("1000 puts a second during Defragment", LongestToCalm, AtMost(1.0), AtMost(1.0)),
        ("1000000 keys", ResidentMib, Better(1.0 / 0.3), Better(1.0 / 0.3)),
        ("1000000 keys", DiskMib, Better(1.0 / 0.6), Better(1.0 / 0.6)),
        ("restart with 1000000 keys", Seconds, Better(1.0 / 0.12), Better(1.0 / 0.12)),
        // Flat in the number of keys, but for what a clock and an election leave to chance.
        ("1000000 keys", ResidentToFew, AtMost(1.25), AtMost(1.25)),
        ("restart with 1000000 keys", SecondsToFew, AtMost(1.25), AtMost(1.25)),
    ]
};

/// What is wanted of a number, if anything is.
pub(crate) fn target(load: &str, measure: Measure, members: usize) -> Option<Target> {
    let found = TARGETS.iter().find(|(prefix, of, ..)| *of == measure && begins(load, prefix));
    found.map(|&(_, _, alone, together)| if members == 1 { alone } else { together })
}

/// Whether a name is this one, perhaps with more words behind it.
fn begins(name: &str, words: &str) -> bool {
    name.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ',']))
}

impl Target {
    pub(crate) fn is_met(self, value: Option<f64>, better: Option<f64>) -> Option<bool> {
        match self {
            Self::Better(wanted) => better.map(|better| better >= wanted),
            Self::AtMost(wanted) => value.map(|value| value <= wanted),
        }
    }

    pub(crate) fn text(self) -> String {
        match self {
            Self::Better(wanted) => format!("≥ {wanted:.2}×"),
            Self::AtMost(wanted) => format!("≤ {wanted}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Measure, Target, target};

    #[test]
    fn targets_are_found_by_whole_words() {
        let cpu = |load, members| target(load, Measure::CpuPerThousand, members);
        assert_eq!(cpu("put, 1000 clients", 3), Some(Target::Better(2.5)));
        assert_eq!(cpu("put, 10000 clients", 3), None);
        assert_eq!(cpu("put of 1 KiB, 1000 clients", 1), None);
        let page = target("page of 500 of 100000 keys, 4 clients", Measure::PerSecond, 1);
        assert_eq!(page, Some(Target::Better(8.0)));
        assert_eq!(target("page of 5000 keys", Measure::PerSecond, 1), None);
    }

    #[test]
    fn measures_are_found_by_name() {
        for measure in Measure::ALL {
            assert_eq!(Measure::named(measure.name()), Some(measure));
        }
        assert_eq!(Measure::named("per minute"), None);
    }

    #[test]
    fn a_target_needs_a_number_to_be_met() {
        assert_eq!(Target::Better(2.0).is_met(Some(1.0), Some(2.1)), Some(true));
        assert_eq!(Target::Better(2.0).is_met(Some(1.0), None), None);
        assert_eq!(Target::AtMost(2.0).is_met(Some(2.5), Some(9.0)), Some(false));
    }
}
