use super::{Report, Sample, median, readable};
use crate::measure::Measure;

fn report(servers: &[&str], samples: &[(usize, usize, &str, Measure, f64)]) -> Report {
    let samples = samples.iter().map(|&(server, members, load, measure, value)| Sample {
        members,
        load: load.to_owned(),
        measure,
        server,
        value,
    });
    Report {
        servers: servers.iter().map(|&name| name.to_owned()).collect(),
        conditions: "Here.".to_owned(),
        samples: samples.collect(),
        ..Report::default()
    }
}

#[test]
fn better_is_more_of_some_things_and_less_of_others() {
    let report = report(
        &["old", "new"],
        &[
            (0, 3, "put", Measure::PerSecond, 100.0),
            (0, 3, "put", Measure::P99Ms, 3.0),
            (1, 3, "put", Measure::PerSecond, 150.0),
            (1, 3, "put", Measure::P99Ms, 1.5),
        ],
    );
    let text = report.markdown();
    assert!(text.contains("| load | measure | old, 3 members | target |\n|---|---|---|---|\n"));
    assert!(text.contains("| put | per second | 100 / 150 = 1.50× |  |\n"), "{text}");
    assert!(text.contains("| put | p99 ms | 3.00 / 1.50 = 2.00× |  |\n"), "{text}");
    let json = report.json();
    assert_eq!(json["rows"][1]["servers"]["old"]["candidate_better"], 2.0);
    assert_eq!(json["rows"][0]["servers"]["new"]["rounds"][0], 150.0);
}

#[test]
fn targets_stand_beside_what_was_reached() {
    let (load, cpu) = ("put, 1000 clients", Measure::CpuPerThousand);
    let report = report(
        &["etcd", "etcdd"],
        &[
            (0, 1, load, cpu, 10.0),
            (0, 3, load, cpu, 10.0),
            (1, 1, load, cpu, 4.0),
            (1, 3, load, cpu, 5.0),
        ],
    );
    let text = report.markdown();
    let row = "| 10.0 / 4.00 = 2.50× ✓ | 10.0 / 5.00 = 2.00× ✗ | ≥ 2.22× / ≥ 2.50× |";
    assert!(text.contains(row), "{text}");
}

#[test]
fn what_compares_a_server_with_itself_is_not_compared_again() {
    let (load, to_calm) = ("1000 puts a second during compaction", Measure::P99ToCalm);
    let report = report(&["a", "b"], &[(0, 1, load, to_calm, 3.0), (1, 1, load, to_calm, 1.2)]);
    let text = report.markdown();
    assert!(text.contains("| p99 ÷ calm p99 | 3.00 / 1.20 ✓ | ≤ 1.5 |"), "{text}");
}

#[test]
fn two_references_have_columns_of_their_own() {
    let seconds = Measure::Seconds;
    let report = report(
        &["a", "b", "c"],
        &[(0, 1, "x", seconds, 4.0), (1, 1, "x", seconds, 3.0), (2, 1, "x", seconds, 2.0)],
    );
    let text = report.markdown();
    assert!(text.contains("| a, 1 member | b, 1 member |"), "{text}");
    assert!(text.contains("| x | seconds | 4.00 / 2.00 = 2.00× | 3.00 / 2.00 = 1.50× |"), "{text}");
}

#[test]
fn a_run_that_was_aborted_has_a_table_too() {
    assert_eq!(Report::default().markdown(), "Nothing was measured.\n");
    let mut half = report(&["a", "b"], &[(0, 1, "x", Measure::Seconds, 4.0)]);
    half.failures.push("b does not start".to_owned());
    let text = half.markdown();
    assert!(text.contains("| x | seconds | 4.00 / – |"), "{text}");
    assert!(text.ends_with("\nFailed: b does not start\n"), "{text}");
}

#[test]
fn measures_of_one_load_stay_together_and_the_generators_stay_out() {
    let report = report(
        &["a", "b"],
        &[
            (0, 1, "x", Measure::PerSecond, 1.0),
            (0, 1, "y", Measure::PerSecond, 1.0),
            (0, 3, "x", Measure::WrittenKib, 1.0),
            (0, 3, "x", Measure::OwnCpuUs, 1.0),
        ],
    );
    let text = report.markdown();
    let loads: Vec<&str> = text.lines().filter_map(|line| line.get(..4)).collect();
    assert_eq!(loads[loads.len() - 3..], ["| x ", "| x ", "| y "]);
    assert_eq!(report.json()["rows"].as_array().map(Vec::len), Some(8));
}

#[test]
fn the_median_is_in_the_middle() {
    assert_eq!(median(vec![]), None);
    assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
}

#[test]
fn numbers_have_the_digits_that_mean_something() {
    let texts = [None, Some(0.012_34), Some(1.234), Some(12.34), Some(1_234.5)].map(readable);
    assert_eq!(texts, ["–", "0.0123", "1.23", "12.3", "1234"]);
}
