use units::{ClusterId, NodeId};

use super::{REFUSED_MAX, Verdicts};
use crate::{Introduction, Refusal};

fn caller(cluster: u64, from: u64) -> Introduction {
    let (cluster, from) = (ClusterId(cluster), NodeId(from));
    Introduction { cluster, from, to: NodeId(1), urls: Vec::new() }
}

#[test]
fn each_change_is_told_once() {
    let mut verdicts = Verdicts::default();
    let foreign = Err(Refusal::AnotherCluster);
    assert!(!verdicts.is_news(&caller(1, 2), Ok(())), "it was never refused");
    for caller in [caller(9, 2), caller(9, 3), caller(8, 2)] {
        assert!(verdicts.is_news(&caller, foreign));
        assert!(!verdicts.is_news(&caller, foreign));
    }
    assert!(verdicts.is_news(&caller(9, 2), Err(Refusal::Removed)), "for another reason");
    assert!(verdicts.is_news(&caller(9, 2), Ok(())));
    assert!(!verdicts.is_news(&caller(9, 2), Ok(())));
    assert!(verdicts.is_news(&caller(9, 2), foreign), "it was heard in between");
}

#[test]
fn the_memory_is_bounded() {
    let mut verdicts = Verdicts::default();
    for from in 0..1000 {
        assert!(verdicts.is_news(&caller(9, from), Err(Refusal::Unknown)));
    }
    assert_eq!(verdicts.0.len(), REFUSED_MAX);
}
