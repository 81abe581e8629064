//! Cells side by side: rows are what was measured, columns are combinations.

use std::fmt::Write;

use serde_json::json;

use super::cell::Cell;
use crate::measure::Measure;
use crate::report::{plural, readable};

/// Why a cell may be empty.
pub(super) const EMPTY: &str = "No number (–): what is kept in memory has nothing to come back \
     to; only transports are tried over a bad link, and only engines with 10,000,000 keys, on one \
     member. Transports have nothing to do in a cluster of one, and solo has no other.";

/// All cells of one size of cluster, the usual combination first.
pub(super) struct Table<'a> {
    pub(super) members: usize,
    pub(super) columns: Vec<Column<'a>>,
    pub(super) rows: Vec<(&'a str, Measure)>,
}

/// The cells of a combination.
pub(super) struct Column<'a> {
    pub(super) name: String,
    cells: Vec<&'a Cell>,
}

impl Column<'_> {
    pub(super) fn number(&self, row: (&str, Measure)) -> Option<f64> {
        self.cells.iter().find_map(|cell| cell.number(row.0, row.1))
    }
}

impl Table<'_> {
    /// A combination's number, and how many times better it is than the usual one's.
    pub(super) fn compare(
        &self,
        column: &Column<'_>,
        row: (&str, Measure),
    ) -> (Option<f64>, Option<f64>) {
        let number = column.number(row);
        let usual = self.columns.first().and_then(|usual| usual.number(row));
        let gain = number.zip(usual).and_then(|(number, usual)| row.1.gain(number, usual));
        (number, gain)
    }
}

/// A table for each size of cluster.
pub(super) fn tables(cells: &[Cell]) -> Vec<Table<'_>> {
    let mut sizes: Vec<usize> = cells.iter().map(|cell| cell.members).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes.into_iter().map(|members| table(cells, members)).collect()
}

fn table(cells: &[Cell], members: usize) -> Table<'_> {
    let (mut columns, mut rows): (Vec<Column<'_>>, Vec<(&str, Measure)>) = Default::default();
    for cell in cells.iter().filter(|cell| cell.members == members) {
        let name = cell.combination.name();
        match columns.iter_mut().find(|column| column.name == name) {
            Some(column) => column.cells.push(cell),
            None => columns.push(Column { name, cells: vec![cell] }),
        }
        for row in cell.report.rows() {
            let row = (row.load, row.measure);
            if row.1.is_of_servers() && !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    Table { members, columns, rows }
}

pub(super) fn markdown(cells: &[Cell], conditions: &str) -> String {
    let mut text = format!(
        "{conditions}\n\nEach cell: the number, and how many times better it is than that of the \
         usual combination (below 1: worse). {EMPTY}\n"
    );
    for table in tables(cells) {
        write!(text, "\n## {}\n\n| load | measure |", plural(table.members, "member"))
            .expect("text can always be written to");
        for column in &table.columns {
            write!(text, " {} |", column.name).expect("text can always be written to");
        }
        text += "\n|---|---|";
        text += &"---|".repeat(table.columns.len());
        text.push('\n');
        for &row in &table.rows {
            let numbers = table.columns.iter().map(|column| words(&table, column, row));
            let numbers = numbers.collect::<Vec<_>>().join(" | ");
            writeln!(text, "| {} | {} | {numbers} |", row.0, row.1.name())
                .expect("text can always be written to");
        }
    }
    for failure in failures(cells) {
        writeln!(text, "\nFailed: {failure}").expect("text can always be written to");
    }
    text
}

/// A number as people read it, and beside it how it compares.
pub(super) fn words(table: &Table<'_>, column: &Column<'_>, row: (&str, Measure)) -> String {
    let (number, gain) = table.compare(column, row);
    let is_usual = table.columns.first().is_some_and(|usual| usual.name == column.name);
    let gain = gain.filter(|_| !is_usual);
    readable(number) + &gain.map_or_else(String::new, |gain| format!(" ({gain:.2}×)"))
}

pub(super) fn failures(cells: &[Cell]) -> impl Iterator<Item = &str> {
    cells.iter().flat_map(|cell| cell.report.failures.iter().map(String::as_str))
}

pub(super) fn json(cells: &[Cell], conditions: &str) -> String {
    let mut rows = Vec::new();
    for table in tables(cells) {
        for &row in &table.rows {
            for column in &table.columns {
                let (number, gain) = table.compare(column, row);
                rows.push(json!({
                    "members": table.members,
                    "load": row.0,
                    "measure": row.1.name(),
                    "combination": column.name,
                    "value": number,
                    "better_than_usual": gain,
                }));
            }
        }
    }
    let failures: Vec<&str> = failures(cells).collect();
    let value = json!({ "conditions": conditions, "rows": rows, "failures": failures });
    format!("{value:#}\n")
}
