//! Holds the workspace to its own rules: what the compiler cannot check and a reader should not
//! have to.
//!
//! Each check is a file: it reads the [`Workspace`] and returns what it complains of. Exceptions
//! are rows of the check's own table, with a reason.

mod doors;
mod layers;
mod lexemes;
mod manifests;
mod purity;
mod sizes;
mod source;
mod unsafety;
mod words;
mod workspace;

use std::{error::Error, fmt, process::ExitCode};

use source::Source;
use workspace::Workspace;

pub(crate) const DOES: &str = "check layers, purity, sizes, words, manifests, unsafe code";

const CHECKS: [fn(&Workspace) -> Vec<Complaint>; 7] = [
    doors::check,
    layers::check,
    manifests::check,
    purity::check,
    sizes::check,
    unsafety::check,
    words::check,
];

/// Something that is not as it should be.
#[derive(Debug, PartialEq)]
struct Complaint {
    /// A path from the workspace's root, with a line if there is one.
    place: String,
    what: String,
}

impl Complaint {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }

    fn at(source: &Source, line: usize, what: impl Into<String>) -> Self {
        Self::new(format!("{}:{line}", source.path), what)
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

pub(crate) fn run(arguments: &[String]) -> ExitCode {
    if !arguments.is_empty() {
        eprintln!("usage: cargo xtask tidy");
        return ExitCode::from(2);
    }
    let complaints = match complaints() {
        Ok(complaints) => complaints,
        Err(error) => {
            eprintln!("cannot read the workspace: {error}");
            return ExitCode::FAILURE;
        }
    };
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn complaints() -> Result<Vec<Complaint>, Box<dyn Error>> {
    let workspace = Workspace::load()?;
    Ok(CHECKS.iter().flat_map(|check| check(&workspace)).collect())
}

#[cfg(test)]
mod tests;
