//! Who leads, what is written, what is agreed on (figure 3 of the Raft paper).

use units::{Entry, Index, NodeId, Position, Term};

use super::{Checks, Violation, ensure};

impl Checks {
    /// The founders' log is agreed on from the start.
    pub(crate) fn founded(&mut self, entries: &[Entry]) {
        let mut previous = Term(0);
        for entry in entries {
            let Entry { kind, term, index, data } = entry.clone();
            self.entries.insert((index, term), ((kind, data), Some(previous)));
            self.decided.insert(index, (term, term));
            previous = term;
        }
    }

    /// A member's node wants an entry written: it is one that the term's leader has made, who is
    /// the first to want it.
    pub(crate) fn made(&mut self, node: NodeId, entry: &Entry) -> Result<(), Violation> {
        self.compared += 1;
        let Entry { kind, term, index, data } = entry;
        if let Some((known, _)) = self.entries.get(&(*index, *term)) {
            let same = (known.0, &known.1) == (*kind, data);
            ensure!(same, "two entries are {index} of term {term}");
            return Ok(());
        }
        let leader = self.leaders.get(term);
        ensure!(leader == Some(&node), "{node} has {index} of term {term}, which nobody proposed");
        self.entries.insert((*index, *term), ((*kind, data.clone()), None));
        Ok(())
    }

    /// Election safety: a term has one leader.
    pub(crate) fn leads(&mut self, node: NodeId, term: Term) -> Result<(), Violation> {
        self.compared += 1;
        let leader = *self.leaders.entry(term).or_insert(node);
        ensure!(leader == node, "{leader} and {node} both lead term {term}");
        Ok(())
    }

    /// Leader completeness: who leads holds everything that was committed in the terms before. (One
    /// that learns late of its election may lack what was committed in the terms after.)
    pub(crate) fn is_complete(
        &mut self,
        node: NodeId,
        term: Term,
        holds: impl Fn(Position) -> bool,
    ) -> Result<(), Violation> {
        self.compared += 1;
        let before = self.decided.iter().rev().find(|(_, (_, led))| *led < term);
        let Some((index, (decided, _))) = before else { return Ok(()) };
        let position = Position { term: *decided, index: *index };
        ensure!(holds(position), "{node} leads term {term} without {position:?}, committed before");
        Ok(())
    }

    /// Log matching: an index and a term name one entry, and one way there. If it holds for each
    /// entry and the one before it, it holds for whole logs. The one before cannot be looked at if
    /// the log begins here.
    pub(crate) fn written(
        &mut self,
        previous: Option<Term>,
        entry: &Entry,
    ) -> Result<(), Violation> {
        self.found(entry)?;
        let Entry { term, index, .. } = entry;
        if let (Some(previous), Some((_, known))) =
            (previous, self.entries.get_mut(&(*index, *term)))
        {
            let known = *known.get_or_insert(previous);
            ensure!(known == previous, "two ways to {index} of term {term}");
        }
        if let Some((decided, led)) = self.decided.get(&entry.index) {
            ensure!(
                entry.term == *decided || entry.term <= *led,
                "term {} writes over what term {led} committed at {}",
                entry.term,
                entry.index
            );
        }
        Ok(())
    }

    /// An entry is in a log: it is what was once made, whatever befell the disk.
    pub(crate) fn found(&mut self, entry: &Entry) -> Result<(), Violation> {
        self.compared += 1;
        let Entry { kind, term, index, data } = entry;
        let made = self.entries.get(&(*index, *term));
        ensure!(
            made.is_some_and(|(made, _)| (made.0, &made.1) == (*kind, data)),
            "a log holds another entry at {index} of term {term} than was made: {made:?}"
        );
        Ok(())
    }

    /// A leader has committed up to here: each entry is held durably by a quorum, and the last is
    /// of its own term (§3.6.2 of the dissertation). `quorum` says of a position whether it is so.
    pub(crate) fn decides(
        &mut self,
        (leader, leads): (NodeId, Term),
        commit: Index,
        quorum: impl Fn(Position) -> bool,
    ) -> Result<(), Violation> {
        let mut index = self.decided.last_key_value().map_or(Index(0), |(index, _)| *index).next();
        while index <= commit {
            self.compared += 1;
            let place = |term: u64| (index, Term(term));
            let written = self.entries.range(place(0)..=place(u64::MAX));
            let term = written.map(|((_, term), _)| *term);
            let held = term.rev().find(|term| quorum(Position { term: *term, index }));
            let Some(term) = held else {
                return Err(Violation(format!(
                    "{leader} commits {index}, which no quorum holds durably"
                )));
            };
            ensure!(
                index < commit || term == leads,
                "{leader} leads term {leads}, and commits {index} of term {term} by counting"
            );
            self.decided.insert(index, (term, leads));
            index = index.next();
        }
        Ok(())
    }

    /// State machine safety: a place holds one entry, for ever, and a request comes once. The first
    /// to get there tells the model.
    pub(crate) fn handed_out(&mut self, entry: &Entry) -> Result<(), Violation> {
        self.compared += 1;
        let fact = (entry.term, (entry.kind, entry.data.clone()));
        if let Some(known) = self.committed.get(&entry.index) {
            ensure!(*known == fact, "two entries were committed at {}", entry.index);
            return Ok(());
        }
        let decided = self.decided_term(entry.index);
        ensure!(
            decided == Some(entry.term),
            "{} of term {} is applied, but of term {decided:?} was committed",
            entry.index,
            entry.term
        );
        self.committed.insert(entry.index, fact);
        self.model.apply(entry);
        if let Some((request, _)) = self.model.end(entry.index) {
            let first = *request == 0 || self.requests.insert(*request);
            ensure!(first, "request {request} was done twice, the second time at {}", entry.index);
        }
        Ok(())
    }

    /// The newest committed place and its term.
    pub(crate) fn decided(&self) -> Position {
        self.decided.last_key_value().map_or(Position::default(), |(index, (term, _))| Position {
            term: *term,
            index: *index,
        })
    }

    fn decided_term(&self, index: Index) -> Option<Term> {
        self.decided.get(&index).map(|(term, _)| *term)
    }
}
