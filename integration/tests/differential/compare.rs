//! Two servers, one script: the first step they answer differently.

use std::fmt;
use std::thread;

use integration::{Server, Tools};

use crate::answer::Answer;
use crate::known::{self, Known};
use crate::script::{Script, Step};
use crate::session::Session;

/// What etcdd is compared with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reference {
    /// The release that etcdd is like, the newest of 3.7.
    Etcd37,
    /// An older one, which differs from it in what the table of the known differences says.
    Etcd35,
}

/// A step that two servers answer differently.
#[derive(Debug)]
pub(crate) struct Difference {
    /// Which of the steps; their number, if it is what came after the last.
    pub(crate) at: usize,
    /// The step.
    pub(crate) step: Option<Step>,
    /// What etcdd answered.
    pub(crate) ours: Answer,
    /// What the reference answered.
    pub(crate) theirs: Answer,
}

impl Reference {
    /// The server.
    pub(crate) fn server(self) -> Server {
        let tools = Tools::installed();
        match self {
            Self::Etcd37 => Server::at(tools.etcd_3_7()),
            Self::Etcd35 => Server::at(tools.etcd("3.5.1")),
        }
    }

    /// How etcdd is known to differ from it.
    pub(crate) fn known(self) -> &'static [Known] {
        match self {
            Self::Etcd37 => &known::ETCDD_AND_3_7,
            Self::Etcd35 => &known::ETCD_3_7_AND_3_5,
        }
    }

    /// Runs the script against both; the first difference that the table does not know.
    pub(crate) fn compare(self, script: &Script) -> Result<(), Box<Difference>> {
        let (ours, theirs) = match self {
            Self::Etcd37 => thread::scope(|scope| {
                let ours = scope.spawn(|| Session::run(Server::under_test(), script));
                let theirs = Session::run(&self.server(), script);
                (ours.join().expect("the other server runs"), theirs)
            }),
            Self::Etcd35 => {
                let ours = Session::run(Server::under_test(), script);
                let theirs = self.run_after(script, &ours);
                (ours, theirs)
            }
        };
        self.compare_answers(script, &ours, &theirs)
    }

    /// Puts a script to the reference that etcdd has answered. What the reference is known not to
    /// stand is kept from it. What the watchers of 3.5.1 are told is waited for until there is as
    /// much of it, since its progress may overtake events.
    pub(crate) fn run_after(self, script: &Script, ours: &[Answer]) -> Vec<Answer> {
        let mut session = Session::start(&self.server());
        let mut answers = Vec::with_capacity(ours.len());
        for (step, ours) in script.steps.iter().zip(ours) {
            let spared = self.known().iter().any(|known| known.spares(step, ours));
            let awaited = (self == Self::Etcd35).then_some(ours);
            answers.push(if spared { ours.clone() } else { session.answer(step, awaited) });
        }
        answers.push(session.finish());
        answers
    }

    /// The first difference between the answers to a script that the table does not know.
    pub(crate) fn compare_answers(
        self,
        script: &Script,
        ours: &[Answer],
        theirs: &[Answer],
    ) -> Result<(), Box<Difference>> {
        assert_eq!(ours.len(), theirs.len(), "each step has an answer");
        for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            if ours == theirs {
                continue;
            }
            let step = script.steps.get(at);
            let (mut left, mut right) = (ours.clone(), theirs.clone());
            if let Some(step) = step {
                // What makes etcdd unlike 3.7 makes it unlike any other too.
                for known in known::ETCDD_AND_3_7.iter().chain(self.known()) {
                    known.level(step, &mut left, &mut right);
                }
            }
            if left != right {
                let (ours, theirs) = (ours.clone(), theirs.clone());
                return Err(Box::new(Difference { at, step: step.cloned(), ours, theirs }));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Some(step) => writeln!(f, "step {}: {step}", self.at)?,
            None => writeln!(f, "after the last step")?,
        }
        write!(f, "  etcdd answers\n{}  the reference answers\n{}", self.ours, self.theirs)
    }
}
