use std::collections::BTreeSet;

use super::*;
use crate::measure::Measure;
use crate::report::{Report, Sample};

/// A cell in which puts came at this rate, and took so long.
fn cell(combination: Combination, per_second: f64, p99_ms: f64) -> Cell {
    let sample = |measure, value| Sample {
        members: 1,
        load: "put, 1 client".to_owned(),
        measure,
        server: 0,
        value,
    };
    let samples = vec![sample(Measure::PerSecond, per_second), sample(Measure::P99Ms, p99_ms)];
    Cell { combination, members: 1, report: Report { samples, ..Report::default() } }
}

fn other() -> Combination {
    combinations()[1]
}

#[test]
fn every_cell_has_a_file_of_its_own() {
    for extent in [Extent::Look, Extent::LookAndManyKeys, Extent::Whole] {
        let matrix = Matrix::new(extent, &[]);
        let names: BTreeSet<String> = matrix
            .cells
            .iter()
            .map(|(parts, members, plan)| cell::name(*parts, *members, plan))
            .collect();
        assert_eq!(names.len(), matrix.cells.len());
        assert!(names.iter().all(|name| !name.contains(['/', ' '])));
    }
}

#[test]
fn a_look_takes_minutes() {
    let look = Matrix::new(Extent::Look, &[]).estimate();
    assert!(look < Duration::from_secs(30 * 60));
    assert!(Matrix::new(Extent::LookAndManyKeys, &[]).estimate() > look);
    assert!(Matrix::new(Extent::Whole, &[]).estimate() > Duration::from_secs(60 * 60));
    assert!(Matrix::new(Extent::Look, &["usual"]).estimate() < look);
}

#[test]
fn cells_are_picked_by_words_of_their_names() {
    let many = Matrix::new(Extent::LookAndManyKeys, &["10000000 keys"]);
    let engines = combinations().into_iter().filter(|parts| parts.is_about_its_engine());
    assert_eq!(many.cells.len(), engines.count());
    assert!(many.cells.iter().all(|(.., plan)| plan.keys_max == KEYS_OF_ENGINES));
    let pair = Matrix::new(Extent::Look, &["rocksdb log, rocksdb engine"]);
    assert_eq!(pair.cells.len(), 2);
}

#[test]
fn who_forgets_is_not_asked_to_come_back() {
    let matrix = Matrix::new(Extent::Whole, &["memory"]);
    assert!(!matrix.cells.is_empty());
    for (_, _, plan) in &matrix.cells {
        assert!(!plan.has(Trial::Restart));
    }
}

#[test]
fn a_cell_is_read_as_it_was_written() {
    let mut cell = cell(other(), 1_234.5, 6.75);
    cell.report.failures.push("a reason".to_owned());
    let read = Cell::read(&cell.write()).expect("it was just written");
    assert_eq!((read.combination, read.members), (cell.combination, cell.members));
    assert_eq!(read.report.samples, cell.report.samples);
    assert_eq!(read.report.failures, cell.report.failures);
}

#[test]
fn what_is_no_cell_is_refused() {
    for text in ["", "{}", "[]", "{\"combination\":\"wood\",\"members\":1,\"samples\":[]}"] {
        assert!(Cell::read(text).is_err(), "{text}");
    }
    let text = cell(other(), 1.0, 1.0).write().replace("per second", "per minute");
    assert!(Cell::read(&text).is_err());
}

#[test]
fn numbers_stand_beside_those_of_the_usual_combination() {
    let cells = [cell(combinations()[0], 1_000.0, 4.0), cell(other(), 500.0, 2.0)];
    let text = table::markdown(&cells, "On a test.");
    assert!(text.contains("| put, 1 client | per second | 1000 | 500 (0.50×) |"), "{text}");
    assert!(text.contains("| put, 1 client | p99 ms | 4.00 | 2.00 (2.00×) |"), "{text}");
    let page = page::html(&cells, "On a <test>.");
    assert!(
        page.contains("On a &lt;test>.") && page.contains("class=\"b2\">500 (0.50×)"),
        "{page}"
    );
    assert_eq!(page.matches("<svg").count(), 2);
}
