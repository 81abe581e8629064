//! The log against a plain list of terms.

extern crate std;

use std::vec;
use std::vec::Vec;

use crate::TermRun;
use bytes::Bytes;
use units::{Entry, EntryKind, Index, Position, Term};

use super::{Log, fitting, weight};

/// Terms by index, from the head on.
struct Model {
    head: u64,
    terms: Vec<u64>,
}

impl Model {
    fn last(&self) -> u64 {
        self.head + self.terms.len() as u64 - 1
    }

    fn term(&self, index: u64) -> Option<Term> {
        let place = usize::try_from(index.checked_sub(self.head)?).ok()?;
        self.terms.get(place).copied().map(Term)
    }
}

fn entry(index: u64, term: u64) -> Entry {
    let data = Bytes::from(vec![0; (index % 5) as usize]);
    Entry { kind: EntryKind::Normal, term: Term(term), index: Index(index), data }
}

fn position(index: u64, term: u64) -> Position {
    Position { term: Term(term), index: Index(index) }
}

fn check(log: &Log, model: &Model) {
    assert_eq!(log.last().index.0, model.last());
    assert_eq!(Some(log.last().term), model.term(model.last()));
    for index in 0..model.last() + 3 {
        assert_eq!(log.term(Index(index)), model.term(index), "term at {index}");
        for term in 0..8 {
            let matches = model.term(index) == Some(Term(term));
            assert_eq!(log.matches(position(index, term)), matches);
            let below = |at: &u64| model.term(*at).is_some_and(|found| found <= Term(term));
            let expected = (model.head..=index.min(model.last())).rev().find(below);
            let found = log.not_above(position(index, term));
            assert_eq!(found.index.0, expected.unwrap_or(model.head), "{index}@{term}");
            assert_eq!(Some(found.term), model.term(found.index.0));
        }
    }
    let first = log.cache_first();
    let cached: Vec<_> = log.cached(first, log.last().index).cloned().collect();
    let bytes: usize = cached.iter().map(weight).sum();
    assert_eq!(log.cached_bytes, bytes);
    for (place, found) in cached.iter().enumerate() {
        assert_eq!(found.index.0, first.0 + place as u64);
        assert_eq!(Some(found.term), model.term(found.index.0));
    }
}

#[test]
fn whatever_is_done_terms_are_as_in_a_list() {
    for seed in 1..200_u64 {
        let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut roll = |sides: u64| {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            bits % sides
        };
        let mut log = Log::new(Position::default(), Vec::new(), Position::default());
        let mut model = Model { head: 0, terms: vec![0] };
        for _ in 0..60 {
            match roll(8) {
                0 => {
                    let keep = model.head + roll(model.terms.len() as u64);
                    log.truncate(Index(keep));
                    model.terms.truncate((keep - model.head) as usize + 1);
                }
                1 => {
                    let head = model.head + roll(model.terms.len() as u64);
                    log.trim(Index(head));
                    model.terms.drain(..(head - model.head) as usize);
                    model.head = head;
                }
                2 => log.evict(Index(model.last()), roll(400) as usize),
                _ => {
                    let term = model.terms[model.terms.len() - 1].max(1) + roll(6) / 5;
                    log.push(entry(model.last() + 1, term));
                    model.terms.push(term);
                }
            }
            check(&log, &model);
        }
    }
}

#[test]
fn a_log_from_disk_knows_its_terms() {
    let runs =
        [(4, 2), (6, 5)].map(|(first, term)| TermRun { first: Index(first), term: Term(term) });
    let log = Log::new(position(3, 1), runs.to_vec(), position(7, 5));
    check(&log, &Model { head: 3, terms: vec![1, 2, 2, 5, 5] });
    assert_eq!(log.cache_first(), Index(8));
}

#[test]
fn entries_that_were_replaced_are_not_genuine() {
    let mut log = Log::new(Position::default(), Vec::new(), Position::default());
    for (index, term) in [(1, 1), (2, 1), (3, 3)] {
        log.push(entry(index, term));
    }
    let read = [entry(1, 1), entry(2, 1), entry(3, 2)];
    assert_eq!(log.genuine(Index(1), &read).len(), 2);
    assert_eq!(log.genuine(Index(2), &read[1..]).len(), 1);
    assert!(log.genuine(Index(2), &read).is_empty(), "they begin elsewhere");
}

#[test]
fn at_least_one_entry_fits() {
    let entries: Vec<_> = (1..=4).map(|index| entry(index, 1)).collect();
    let (taken, bytes) = fitting(entries.iter(), 1);
    assert_eq!((taken.len(), bytes), (1, weight(&entries[0])));
    let two = weight(&entries[0]) + weight(&entries[1]);
    assert_eq!(fitting(entries.iter(), two).1, two);
    assert_eq!(fitting(entries.iter(), two + 1).0.len(), 2);
    assert!(fitting([].iter(), 9).0.is_empty());
}
