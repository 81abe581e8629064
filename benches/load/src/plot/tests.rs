use std::time::Duration;

use super::canvas::{Axis, Canvas};
use super::{all, quantiles};
use crate::histogram::Histogram;
use crate::measure::Measure;
use crate::report::{Report, Sample, Timeline};

fn report() -> Report {
    let sample = |server, value| Sample {
        members: 1,
        load: "put, 1000 clients".to_owned(),
        measure: Measure::PerSecond,
        server,
        value,
    };
    let mut report = Report {
        servers: vec!["etcd".to_owned(), "etcdd".to_owned()],
        samples: vec![sample(0, 10.0), sample(1, 25.0)],
        ..Report::default()
    };
    let mut latencies = Histogram::default();
    (1..=1_000).for_each(|us| latencies.note(Duration::from_micros(us)));
    report.note_curve(0, 1, "put", &latencies);
    report.note_curve(1, 1, "put", &latencies);
    report.timelines.push(Timeline {
        members: 1,
        load: "1000 puts a second".to_owned(),
        server: 1,
        longest: vec![Duration::from_millis(3); 50],
        marks: vec![("compaction".to_owned(), Duration::from_secs(2))],
    });
    report
}

#[test]
fn there_is_a_picture_of_what_was_measured() {
    assert!(all(&Report::default()).is_empty());
    let pictures = all(&report());
    let names: Vec<_> = pictures.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["better.svg", "latency.svg", "maintenance.svg"]);
    for (name, text) in &pictures {
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"), "{name}");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{name}: {text}");
    }
    assert!(pictures[0].1.contains("put, 1000 clients, per second, 1 member"));
    assert!(pictures[0].1.contains(">2.50</text>"));
    assert_eq!(pictures[1].1.matches("<polyline").count(), 2);
}

#[test]
fn a_logarithmic_axis_has_round_ticks_in_equal_steps() {
    let axis = Axis::logarithmic((0.5, 50.0), (0.0, 200.0));
    assert_eq!(axis.ticks(), [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]);
    assert!((axis.place(5.0) - 100.0).abs() < 1e-9);
    let wide = Axis::logarithmic((0.01, 1_000.0), (0.0, 1.0));
    assert_eq!(wide.ticks().len(), 6);
    let point = Axis::logarithmic((3.0, 3.0), (0.0, 10.0));
    assert_eq!(point.place(3.0), 5.0);
}

#[test]
fn words_cannot_break_the_picture() {
    let mut canvas = Canvas::new(10.0, 10.0);
    canvas.text((0.0, 0.0), "a < b & c", "black");
    assert!(canvas.finish().contains("a &lt; b &amp; c"));
}

#[test]
fn shares_are_counted_in_nines() {
    let mut latencies = Histogram::default();
    (1..=100_000).for_each(|us| latencies.note(Duration::from_micros(us)));
    let shares = quantiles(&latencies);
    assert!((shares[0].1 - 50.0).abs() < 1.0, "{:?}", shares[0]);
    assert!((shares[37].1 - 100.0).abs() < 1.0, "{:?}", shares[37]);
    assert!(shares.windows(2).all(|pair| pair[0].1 <= pair[1].1));
}

#[test]
fn a_bar_ends_where_the_picture_does() {
    let mut report = report();
    report.samples[1].value = 1e6;
    let pictures = all(&report);
    assert!(pictures[0].1.contains(">100000.00</text>"), "{}", pictures[0].1);
    assert!(!pictures[0].1.contains(">50×</text>"));
}
