//! Parts of one kind, by name.

use std::fmt;
use std::sync::Arc;

use crate::config::BadConfig;

/// Parts of one kind, by the names that a flag chooses them by. Clones share the parts.
pub struct Choices<P: ?Sized> {
    kind: Kind,
    offered: Vec<(String, Arc<P>)>,
}

/// What else is called something in a data directory, besides the logs `raft-NAME`.
const TAKEN: [&str; 6] = ["parts", "reserve", "snap", "spool", "tmp", "wal"];

/// A kind of part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// The flag that chooses one.
    pub(super) flag: &'static str,
    /// What people call it.
    pub(super) noun: &'static str,
    /// The parts that etcdd has, and the features that compile them in.
    pub(super) features: &'static [(&'static str, &'static str)],
}

impl<P: ?Sized> Choices<P> {
    /// These, by their names.
    pub(super) fn of<const N: usize>(kind: Kind, parts: [(&str, Arc<P>); N]) -> Self {
        let offered = parts.map(|(name, part)| (name.to_owned(), part)).into();
        Self { kind, offered }
    }

    /// Takes a part in, behind those that are there; one of the same name gives way to it.
    ///
    /// # Panics
    ///
    /// When the name is not of lower-case letters, digits and dashes, or is that of something else
    /// in a data directory: it becomes part of paths.
    pub fn offer(&mut self, name: &str, part: Arc<P>) {
        let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(!name.is_empty() && name.chars().all(is_fit), "{name:?} names no part");
        let is_taken = TAKEN.contains(&name) || name.starts_with("raft-");
        assert!(!is_taken, "{name:?} is something else in a data directory");
        self.offered.retain(|(offered, _)| offered != name);
        self.offered.push((name.to_owned(), part));
    }

    /// Takes a part away, if it is there.
    pub fn withdraw(&mut self, name: &str) {
        self.offered.retain(|(offered, _)| offered != name);
    }

    /// The names, in the order in which they are taken if none is asked for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.offered.iter().map(|(name, _)| name.as_str())
    }

    /// The first of them that fits.
    pub(super) fn first_that(&self, fits: impl Fn(&P) -> bool) -> Option<&str> {
        let found = self.offered.iter().find(|(_, part)| fits(part));
        found.map(|(name, _)| name.as_str())
    }

    /// The part of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<P>> {
        let found = self.offered.iter().find(|(offered, _)| offered == name);
        found.map(|(_, part)| Arc::clone(part))
    }

    /// The part of this name, or the first if no name is asked for.
    pub(crate) fn choose(&self, asked: Option<&str>) -> Result<(String, Arc<P>), BadConfig> {
        let found = match asked {
            None => self.offered.first().cloned(),
            Some(asked) => self.get(asked).map(|part| (asked.to_owned(), part)),
        };
        found.ok_or_else(|| BadConfig::Part(self.missing(asked)))
    }

    /// Why there is no such part, and what would help.
    fn missing(&self, asked: Option<&str>) -> String {
        let Kind { flag, noun, features } = self.kind;
        let Some(asked) = asked else {
            let features: Vec<&str> = features.iter().map(|(_, feature)| *feature).collect();
            return format!(
                "no {noun} is compiled in: build with one of the features {}",
                features.join(", ")
            );
        };
        let has: Vec<&str> = self.names().collect();
        let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
        match features.iter().find(|(name, _)| *name == asked) {
            Some((_, feature)) => format!(
                "--{flag}={asked} is not compiled in: build with the feature {feature} (this build \
                 has {has})"
            ),
            None => format!("--{flag}={asked}: there is no such {noun} (this build has {has})"),
        }
    }
}

impl<P: ?Sized> Clone for Choices<P> {
    fn clone(&self) -> Self {
        Self { kind: self.kind, offered: self.offered.clone() }
    }
}

impl<P: ?Sized> fmt::Debug for Choices<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
