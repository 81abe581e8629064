use super::{Measure, Report, Sample, median};

fn sample(load: &str, measure: Measure, is_candidate: bool, value: f64) -> Sample {
    Sample { members: 3, load: load.to_owned(), measure, is_candidate, value }
}

#[test]
fn better_is_more_of_some_things_and_less_of_others() {
    let report = Report::new(
        "old".to_owned(),
        "new".to_owned(),
        "Here.".to_owned(),
        &[
            sample("put", Measure::PerSecond, false, 100.0),
            sample("put", Measure::P99Ms, false, 3.0),
            sample("put", Measure::PerSecond, true, 150.0),
            sample("put", Measure::P99Ms, true, 1.5),
        ],
    );
    let text = report.markdown();
    assert!(text.contains("| 3 | put | per second | 100 | 150 | 1.50× |"), "{text}");
    assert!(text.contains("| 3 | put | p99 ms | 3.00 | 1.50 | 2.00× |"), "{text}");
    let json = report.json();
    assert_eq!(json["rows"][1]["better"], 2.0);
    assert_eq!(json["rows"][0]["candidate"][0], 150.0);
}

#[test]
fn a_side_without_numbers_is_not_divided_by() {
    let one = [sample("get", Measure::Seconds, true, 1.0)];
    let report = Report::new(String::new(), String::new(), String::new(), &one);
    assert!(report.markdown().contains("| 3 | get | seconds | – | 1.00 | – |"));
}

#[test]
fn the_median_is_in_the_middle() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
}
