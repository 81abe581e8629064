//! Whether there is an order that explains what clients saw: linearizability, by search.
//!
//! It is a second opinion, and takes nothing from where the first one has its: no revisions, no
//! log, no model. What it knows of a call is when it was made, when and with what it returned, and
//! what a keyspace does ([`object`]). A call whose outcome nobody knows may have happened at any
//! later time, or never; a lease may end at any time. All keys are one object, since transactions
//! and ranges take many of them together.
//!
//! The search is that of Wing and Gong, with Lowe's improvements: calls are put in order only when
//! one returns that must be in it by then ("just in time"), and what was tried once is not tried
//! again. Four things keep it short:
//!
//! - Of two that led to the same state, the one is left out that used calls of unknown outcome
//!   which the other can still use.
//! - Neighbours that touch nothing in common are tried in one order only.
//! - What a read shows must be there, or somebody left who could have put it there.
//! - The first search lets calls of unknown outcome happen only where that explains something;
//!   only if it finds nothing, a second one lets them happen anywhere.

mod calls;
mod object;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use calls::{Call, Calls};
pub(crate) use object::{Asked, Seen};

use object::State;

/// How many arrangements are looked at before a history counts as too hard: some tens of
/// milliseconds, while nearly all histories need one for each call.
const WORK_MAX: usize = 4_000;

/// What came of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is an order.
    Explained,
    /// There is none: every order fails at this call or before it.
    Never { call: usize },
    /// None was found within bounds, nor was it seen that there is none.
    TooHard,
}

/// Looks for an order.
pub(crate) fn search(calls: &[Call]) -> Verdict {
    let history = History::of(calls);
    match history.search(Guesses::WhereTheyExplain) {
        Verdict::Explained => Verdict::Explained,
        Verdict::Never { .. } | Verdict::TooHard => history.search(Guesses::Anywhere),
    }
}

/// Where calls of unknown outcome are let happen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guesses {
    Anywhere,
    WhereTheyExplain,
}

/// What happens next in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// A call that has returned.
    Known(usize),
    /// A call whose outcome nobody knows.
    Unknown(usize),
    /// A lease ends.
    Ends(i64),
}

/// Calls, and what of them can be known before the search.
struct History<'a> {
    calls: &'a [Call],
    /// Those that have returned, in the order in which they did.
    returned: Vec<usize>,
    /// For each of these, who else could come before it: it was called before this one returned,
    /// and returned later.
    beside: Vec<Vec<usize>>,
    /// Those that have not, in the order in which they were called.
    unknown: Vec<usize>,
    /// What each touches.
    touches: Vec<object::Touches>,
}

/// A beginning of an order, and the state that it leads to.
#[derive(Clone)]
struct Beginning {
    /// So many of those that have returned are in it …
    at: usize,
    /// … and these, before their turn.
    ahead: BTreeSet<usize>,
    /// Of those whose outcome nobody knows, who happened.
    happened: BTreeSet<usize>,
    last: Option<Step>,
    state: State,
}

/// What is to be tried.
enum Attempt {
    /// The call that has to be next, after this.
    Next(Beginning),
    /// Something else before it.
    Else(Beginning),
}

/// Beginnings that were tried: all that matters for how they can go on, and the calls of unknown
/// outcome that were used up to there.
type Tried = BTreeMap<(usize, BTreeSet<usize>, Option<Step>, State), Vec<BTreeSet<usize>>>;

impl<'a> History<'a> {
    fn of(calls: &'a [Call]) -> Self {
        let (mut returned, unknown): (Vec<usize>, Vec<usize>) =
            (0..calls.len()).partition(|nth| calls[*nth].returned.is_some());
        returned.sort_by_key(|nth| calls[*nth].returned);
        let beside = |(at, one): (usize, &usize)| {
            let is_beside = |other: &&usize| Some(calls[**other].called) < calls[*one].returned;
            returned[at + 1..].iter().filter(is_beside).copied().collect()
        };
        let beside = returned.iter().enumerate().map(beside).collect();
        let touches = object::touches(calls.iter().map(|call| &call.asked));
        Self { calls, returned, beside, unknown, touches }
    }

    fn search(&self, guesses: Guesses) -> Verdict {
        let (mut work, mut furthest, mut tried) = (0, 0, Tried::new());
        let mut attempts = vec![Attempt::Next(Beginning {
            at: 0,
            ahead: BTreeSet::new(),
            happened: BTreeSet::new(),
            last: None,
            state: State::default(),
        })];
        while let Some(attempt) = attempts.pop() {
            match attempt {
                Attempt::Next(mut begun) => {
                    while self.returned.get(begun.at).is_some_and(|one| begun.ahead.remove(one)) {
                        begun.at += 1;
                    }
                    let Some(next) = self.returned.get(begun.at).copied() else {
                        return Verdict::Explained;
                    };
                    if was_tried(&mut tried, &begun) {
                        continue;
                    }
                    work += 1;
                    furthest = furthest.max(begun.at);
                    let after = self.after(&begun, Step::Known(next));
                    attempts.push(Attempt::Else(begun));
                    attempts.extend(after.into_iter().map(Attempt::Next));
                }
                Attempt::Else(begun) => {
                    let others = self.others(&begun, guesses);
                    work += others.len();
                    attempts.extend(others.into_iter().map(Attempt::Next));
                }
            }
            if work > WORK_MAX {
                return Verdict::TooHard;
            }
        }
        Verdict::Never { call: self.returned[furthest] }
    }

    /// What can come before the call that has to be next; what explains most of it comes last.
    fn others(&self, begun: &Beginning, guesses: Guesses) -> Vec<Beginning> {
        let next = self.returned[begun.at];
        let before = self.unexplained(next, &begun.state);
        let known = self.beside[begun.at].iter().filter(|one| !begun.ahead.contains(one));
        let is_open = |one: &&usize| Some(self.calls[**one].called) < self.calls[next].returned;
        let unknown = self.unknown.iter().take_while(is_open);
        let unknown = unknown.filter(|one| !begun.happened.contains(one));
        let left = || known.clone().chain(unknown.clone()).map(|one| &self.calls[*one].asked);
        if before > 0 && !object::may_show(&begun.state, &self.calls[next], left) {
            return Vec::new();
        }
        let known = known.map(|one| Step::Known(*one));
        let unknown = unknown.map(|one| Step::Unknown(*one));
        let ends = begun.state.leases().map(Step::Ends);
        let mut others = Vec::new();
        for step in known.chain(unknown).chain(ends) {
            for after in self.after(begun, step) {
                let unexplained = self.unexplained(next, &after.state);
                let explains = matches!(step, Step::Known(_)) || unexplained < before;
                if explains || guesses == Guesses::Anywhere {
                    others.push((Reverse(unexplained), after));
                }
            }
        }
        // Of those that explain as much, who returned first is tried first, hence is last.
        others.reverse();
        others.sort_by_key(|(unexplained, _)| *unexplained);
        others.into_iter().map(|(_, after)| after).collect()
    }

    /// The beginning with one step more, if it can be: in each way in which it can.
    fn after(&self, begun: &Beginning, step: Step) -> Vec<Beginning> {
        // Neighbours that could as well change places come in one order only, what is known first.
        if begun.last.is_some_and(|last| step < last && !self.meet(last, step)) {
            return Vec::new();
        }
        let states = match step {
            Step::Known(one) => begun.state.after(&self.calls[one].asked, &self.calls[one].seen),
            Step::Unknown(one) => begun.state.after(&self.calls[one].asked, &Seen::Nothing),
            Step::Ends(lease) => begun.state.after(&Asked::Revoke(lease), &Seen::Nothing),
        };
        // What changes nothing and was seen by nobody need not have happened.
        let matters = |state: &State| matches!(step, Step::Known(_)) || *state != begun.state;
        let states = states.unwrap_or_default().into_iter().filter(matters);
        let begin = |state| {
            let mut after = Beginning { state, last: Some(step), ..begun.clone() };
            match step {
                Step::Known(one) if self.returned[begun.at] == one => after.at += 1,
                Step::Known(one) => drop(after.ahead.insert(one)),
                Step::Unknown(one) => drop(after.happened.insert(one)),
                Step::Ends(_) => {}
            }
            after
        };
        states.map(begin).collect()
    }

    /// Whether it matters in which order the two come.
    fn meet(&self, one: Step, other: Step) -> bool {
        match (self.touched(one), self.touched(other)) {
            (Some(one), Some(other)) => one.meets(other),
            _ => true,
        }
    }

    /// Nothing for what may touch anything.
    fn touched(&self, step: Step) -> Option<&object::Touches> {
        match step {
            Step::Known(one) | Step::Unknown(one) => Some(&self.touches[one]),
            Step::Ends(_) => None,
        }
    }

    /// How much of what the call showed is otherwise.
    fn unexplained(&self, call: usize, state: &State) -> usize {
        let Call { asked, seen, .. } = &self.calls[call];
        state.after(asked, seen).err().unwrap_or_default()
    }
}

/// Whether this beginning was tried, or one that leaves more open.
fn was_tried(tried: &mut Tried, begun: &Beginning) -> bool {
    let Beginning { at, ahead, happened, last, state } = begun;
    // Only a call of unknown outcome keeps others from coming next.
    let last = last.filter(|last| !matches!(last, Step::Known(_)));
    let alike = tried.entry((*at, ahead.clone(), last, state.clone())).or_default();
    if alike.iter().any(|used| used.is_subset(happened)) {
        return true;
    }
    alike.push(happened.clone());
    false
}

#[cfg(test)]
mod tests;
