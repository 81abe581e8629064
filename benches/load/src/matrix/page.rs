//! Cells as a page that stands alone: tables with colours, and a picture for each load.

use std::fmt::Write;

use super::cell::Cell;
use super::table::{EMPTY, Table, failures, tables, words};
use crate::measure::Measure;
use crate::plot::canvas::{Axis, Canvas};
use crate::report::{plural, readable};

const STYLE: &str = "body{font:14px sans-serif;margin:2em;max-width:110em}\
    table{border-collapse:collapse;margin:1em 0}\
    td,th{border:1px solid #d4d4d4;padding:2px 8px;text-align:right;font-size:12px}\
    td:first-child,td:nth-child(2),th{text-align:left}\
    .g2{background:#86efac}.g1{background:#dcfce7}.b1{background:#fee2e2}.b2{background:#fca5a5}\
    svg{display:inline-block;width:34em;margin:.5em}";

/// What is shown as a picture: what people ask first.
const PICTURED: [Measure; 5] =
    [Measure::PerSecond, Measure::P50Ms, Measure::P99Ms, Measure::Seconds, Measure::ResidentMib];

pub(super) fn html(cells: &[Cell], conditions: &str) -> String {
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>etcdd, part by part\
         </title>\n<style>{STYLE}</style>\n<h1>etcdd, part by part</h1>\n<p>{}</p>\n<p>Each cell: \
         the number, and how many times better it is than that of the usual combination. {}</p>\n",
        escaped(conditions),
        escaped(EMPTY)
    );
    for table in tables(cells) {
        section(&mut text, &table).expect("text can always be written to");
    }
    for failure in failures(cells) {
        writeln!(text, "<p>Failed: {}</p>", escaped(failure))
            .expect("text can always be written to");
    }
    text + "</html>\n"
}

fn section(text: &mut String, table: &Table<'_>) -> std::fmt::Result {
    writeln!(text, "<h2>{}</h2>\n<table>", plural(table.members, "member"))?;
    write!(text, "<tr><th>load<th>measure")?;
    for column in &table.columns {
        write!(text, "<th>{}", escaped(&column.name))?;
    }
    for &row in &table.rows {
        write!(text, "\n<tr><td>{}<td>{}", escaped(row.0), row.1.name())?;
        for column in &table.columns {
            let (_, gain) = table.compare(column, row);
            write!(text, "<td class=\"{}\">{}", class(gain), words(table, column, row))?;
        }
    }
    writeln!(text, "\n</table>")?;
    for &row in table.rows.iter().filter(|(_, measure)| PICTURED.contains(measure)) {
        text.push_str(&picture(table, row));
    }
    Ok(())
}

/// How good a cell looks.
fn class(gain: Option<f64>) -> &'static str {
    match gain {
        Some(gain) if gain >= 1.5 => "g2",
        Some(gain) if gain >= 1.1 => "g1",
        Some(gain) if gain <= 1.0 / 1.5 => "b2",
        Some(gain) if gain <= 1.0 / 1.1 => "b1",
        _ => "",
    }
}

/// A bar for each combination.
fn picture(table: &Table<'_>, row: (&str, Measure)) -> String {
    const ROW: f64 = 15.0;
    const TOP: f64 = 28.0;
    const NAMES: f64 = 170.0;
    const WIDTH: f64 = 480.0;
    let numbers = table.columns.iter().map(|column| (column, column.number(row)));
    let numbers: Vec<_> = numbers.filter_map(|(column, number)| Some((column, number?))).collect();
    let most = numbers.iter().map(|(_, number)| *number).fold(f64::MIN_POSITIVE, f64::max);
    let axis = Axis::linear((0.0, most), (NAMES, WIDTH - 60.0));
    let mut canvas = Canvas::new(WIDTH, TOP + ROW * numbers.len() as f64 + 6.0);
    let title = format!("{}: {}", row.0, row.1.name());
    canvas.text((8.0, 16.0), &title, "#222222");
    for (position, (column, number)) in numbers.iter().enumerate() {
        let y = TOP + ROW * position as f64;
        let colour = if position == 0 { "#c2410c" } else { "#1d4ed8" };
        canvas.text((8.0, y + 10.0), &column.name, "#222222");
        canvas.bar((NAMES, y + 1.0), (axis.place(*number) - NAMES, ROW - 3.0), colour);
        let at = (axis.place(*number) + 4.0, y + 10.0);
        canvas.text(at, &readable(Some(*number)), "#222222");
    }
    canvas.finish()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
