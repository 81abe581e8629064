//! The comparison as pictures: how many times better, how long answers took, and what upkeep does
//! to puts. Each is an SVG file that stands alone.

pub(crate) mod canvas;

use std::time::Duration;

use crate::histogram::Histogram;
use crate::measure::{Target, target};
use crate::report::{Curve, Report, Timeline, plural};
use crate::upkeep::SLOT;

use canvas::{Axis, Canvas};

/// The servers' colours, the last one's first.
const COLOURS: [&str; 4] = ["#c2410c", "#1d4ed8", "#0f766e", "#7c3aed"];
const INK: &str = "#222222";
const FAINT: &str = "#d4d4d4";

/// A picture's name and its text; none for what was not measured.
pub(crate) fn all(report: &Report) -> Vec<(&'static str, String)> {
    let pictures = [
        ("better.svg", better(report)),
        ("latency.svg", latency(report)),
        ("maintenance.svg", maintenance(report)),
    ];
    pictures.into_iter().filter_map(|(name, picture)| Some((name, picture?))).collect()
}

fn colour(report: &Report, server: usize) -> &'static str {
    COLOURS[(report.servers.len() - 1 - server) % COLOURS.len()]
}

/// A bar for each row of the table, from 1× to the left or to the right; a mark where it should
/// reach.
fn better(report: &Report) -> Option<String> {
    const ROW: f64 = 14.0;
    const NAMES: f64 = 430.0;
    const WIDTH: f64 = 960.0;
    // What is better or worse than that has a number, and a bar that ends there.
    const GAIN_MAX: f64 = 20.0;
    let references = report.servers.len().checked_sub(1)?;
    let mut bars = Vec::new();
    for row in report.rows().iter().filter(|row| row.measure.is_comparable()) {
        for members in report.members() {
            for reference in 0..references {
                let gain = report.gain(reference, members, row.load, row.measure);
                let wanted = match target(row.load, row.measure, members) {
                    Some(Target::Better(wanted)) => Some(wanted),
                    _ => None,
                };
                let who = plural(members, "member");
                let name = format!("{}, {}, {who}", row.load, row.measure.name());
                bars.extend(gain.map(|gain| (name, reference, gain, wanted)));
            }
        }
    }
    let gains = bars.iter().map(|(_, _, gain, _)| gain.clamp(1.0 / GAIN_MAX, GAIN_MAX));
    let (least, most) =
        gains.fold((0.5_f64, 2.0_f64), |(least, most), gain| (least.min(gain), most.max(gain)));
    let axis = Axis::logarithmic((least, most), (NAMES, WIDTH - 60.0));
    let top = 50.0 + 16.0 * references as f64;
    let height = top + ROW * bars.len() as f64 + 10.0;
    let mut canvas = Canvas::new(WIDTH, height);
    let candidate = report.servers.last()?;
    canvas.text((10.0, 20.0), &format!("How many times better {candidate} is than …"), INK);
    for reference in 0..references {
        let y = 38.0 + 16.0 * reference as f64;
        canvas.text((20.0, y), &report.servers[reference], colour(report, reference));
    }
    for tick in axis.ticks() {
        let at = axis.place(tick);
        canvas.line((at, top - 8.0), (at, height - 5.0), if tick == 1.0 { INK } else { FAINT });
        canvas.text((at - 6.0, top - 12.0), &format!("{tick}×"), INK);
    }
    for (position, (name, reference, gain, wanted)) in bars.iter().enumerate() {
        let y = top + ROW * position as f64;
        canvas.text((10.0, y + 10.0), name, INK);
        let (one, end) = (axis.place(1.0), axis.place(gain.clamp(least, most)));
        let size = ((end - one).abs(), ROW - 4.0);
        canvas.bar((one.min(end), y + 2.0), size, colour(report, *reference));
        canvas.text((one.max(end) + 4.0, y + 10.0), &format!("{gain:.2}"), INK);
        if let Some(wanted) = wanted.filter(|wanted| *wanted <= most) {
            let at = axis.place(wanted);
            canvas.line((at, y), (at, y + ROW), "#dc2626");
        }
    }
    (!bars.is_empty()).then(|| canvas.finish())
}

/// One panel for each load and size of cluster: to the right the share of the answers, from half of
/// them to 99.99 of a hundred; upwards how long they took.
fn latency(report: &Report) -> Option<String> {
    let mut panels: Vec<(String, Vec<&Curve>)> = Vec::new();
    for curve in &report.curves {
        let title = format!("{}, {}", curve.load, plural(curve.members, "member"));
        match panels.iter_mut().find(|(known, _)| *known == title) {
            Some((_, curves)) => curves.push(curve),
            None => panels.push((title, vec![curve])),
        }
    }
    let draw = |canvas: &mut Canvas, at: (f64, f64), curves: &[&Curve]| {
        let times = |curve: &&Curve| quantiles(&curve.latencies).map(|(_, time)| time);
        let all: Vec<f64> = curves.iter().flat_map(times).collect();
        let right = Axis::linear(NINES, (at.0 + 45.0, at.0 + PANEL.0 - 15.0));
        let up = up_axis(&all, at);
        frame(canvas, at, &up);
        for (text, nines) in [("50 %", NINES.0), ("90", 1.0), ("99", 2.0), ("99.9", 3.0)] {
            canvas.text((right.place(nines) - 8.0, at.1 + PANEL.1 - 8.0), text, INK);
        }
        for curve in curves {
            let points = quantiles(&curve.latencies);
            let points = points.map(|(nines, ms)| (right.place(nines), up.place(ms)));
            canvas.polyline(&points, colour(report, curve.server));
        }
    };
    multiples(report, "How long answers took (ms), by the share of them", &panels, draw)
}

/// One panel for each size of cluster: to the right the time, upwards the longest put.
fn maintenance(report: &Report) -> Option<String> {
    let mut panels: Vec<(String, Vec<&Timeline>)> = Vec::new();
    for line in &report.timelines {
        let title = format!("{}, {}", line.load, plural(line.members, "member"));
        match panels.iter_mut().find(|(known, _)| *known == title) {
            Some((_, lines)) => lines.push(line),
            None => panels.push((title, vec![line])),
        }
    }
    let draw = |canvas: &mut Canvas, at: (f64, f64), lines: &[&Timeline]| {
        let ms = |time: &Duration| (time.as_secs_f64() * 1_000.0).max(0.01);
        let all: Vec<f64> = lines.iter().flat_map(|line| line.longest.iter().map(ms)).collect();
        let slots = lines.iter().map(|line| line.longest.len()).max().unwrap_or(1);
        let seconds = slots as f64 * SLOT.as_secs_f64();
        let right = Axis::linear((0.0, seconds), (at.0 + 45.0, at.0 + PANEL.0 - 15.0));
        let up = up_axis(&all, at);
        frame(canvas, at, &up);
        for line in lines {
            let colour = colour(report, line.server);
            let second = |slot: usize| slot as f64 * SLOT.as_secs_f64();
            let points: Vec<(f64, f64)> = (line.longest.iter().enumerate())
                .map(|(slot, time)| (right.place(second(slot)), up.place(ms(time))))
                .collect();
            canvas.polyline(&points, colour);
            for (name, began) in &line.marks {
                let x = right.place(began.as_secs_f64());
                canvas.line((x, at.1 + 24.0), (x, at.1 + PANEL.1 - 20.0), colour);
                canvas.text((x + 2.0, at.1 + PANEL.1 - 8.0), name, colour);
            }
        }
    };
    multiples(report, "The longest put due in each tenth of a second (ms)", &panels, draw)
}

/// A panel's width and height.
const PANEL: (f64, f64) = (320.0, 220.0);
const PANELS_ACROSS: usize = 3;

/// Panels beside and below each other, under a title that names the servers.
fn multiples<T>(
    report: &Report,
    title: &str,
    panels: &[(String, Vec<T>)],
    draw: impl Fn(&mut Canvas, (f64, f64), &[T]),
) -> Option<String> {
    const TOP: f64 = 50.0;
    if panels.is_empty() {
        return None;
    }
    let down = panels.len().div_ceil(PANELS_ACROSS);
    let size = (PANEL.0 * PANELS_ACROSS as f64, TOP + PANEL.1 * down as f64);
    let mut canvas = Canvas::new(size.0, size.1);
    canvas.text((10.0, 20.0), title, INK);
    for (server, name) in report.servers.iter().enumerate() {
        canvas.text((20.0 + 200.0 * server as f64, 38.0), name, colour(report, server));
    }
    for (position, (title, things)) in panels.iter().enumerate() {
        let x = PANEL.0 * (position % PANELS_ACROSS) as f64;
        let y = TOP + PANEL.1 * (position / PANELS_ACROSS) as f64;
        canvas.text((x + 45.0, y + 16.0), title, INK);
        draw(&mut canvas, (x, y), things);
    }
    Some(canvas.finish())
}

/// From the lowest to the highest of these, upwards in a panel.
fn up_axis(values: &[f64], at: (f64, f64)) -> Axis {
    let least = values.iter().copied().fold(f64::MAX, f64::min);
    let most = values.iter().copied().fold(f64::MIN, f64::max);
    Axis::logarithmic((least, most), (at.1 + PANEL.1 - 22.0, at.1 + 24.0))
}

fn frame(canvas: &mut Canvas, at: (f64, f64), up: &Axis) {
    for tick in up.ticks() {
        let y = up.place(tick);
        canvas.line((at.0 + 45.0, y), (at.0 + PANEL.0 - 15.0, y), FAINT);
        canvas.text((at.0 + 8.0, y + 4.0), &tick.to_string(), INK);
    }
}

/// Shares by their nines (0.9 is one, 0.99 two): from half of them to 99.99 of a hundred.
const NINES: (f64, f64) = (0.301, 4.0);

/// So many nines, and within how many milliseconds that share came.
fn quantiles(latencies: &Histogram) -> [(f64, f64); 38] {
    std::array::from_fn(|step| {
        let nines = NINES.0 + (NINES.1 - NINES.0) * step as f64 / 37.0;
        let time = latencies.quantile(1.0 - 10_f64.powf(-nines));
        (nines, (time.as_secs_f64() * 1_000.0).max(0.001))
    })
}

#[cfg(test)]
mod tests;
