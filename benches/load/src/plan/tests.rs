use std::collections::BTreeSet;
use std::time::Duration;

use super::{Plan, Trial};

#[test]
fn loads_are_chosen_by_name_and_run_in_their_order() {
    assert_eq!(Trial::parse("restart,put,put"), Ok(vec![Trial::Put, Trial::Restart]));
    assert_eq!(Trial::parse("all"), Ok(Trial::ALL.to_vec()));
    let usual: Vec<Trial> = Trial::parse("usual,txn").expect("both are names");
    assert_eq!(usual.len(), Trial::USUAL.len() + 1);
    assert!(Trial::parse("put,").is_err());
}

#[test]
fn all_are_all_and_each_has_a_name() {
    let mut sorted = Trial::ALL.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted, Trial::ALL);
    let names: BTreeSet<_> = Trial::ALL.iter().map(|trial| trial.name()).collect();
    assert_eq!(names.len(), Trial::ALL.len());
}

/// Whoever waits for it should know; `--help` says the same.
#[test]
fn a_usual_run_takes_less_than_half_an_hour() {
    let minutes = |plan: Plan| plan.estimate(2).as_secs() / 60;
    assert!((15..=25).contains(&minutes(Plan::usual())), "{}", minutes(Plan::usual()));
    assert!((2..=6).contains(&minutes(Plan::quick())), "{}", minutes(Plan::quick()));
    assert!(Plan::full().estimate(3) > Duration::from_secs(3_600));
}
