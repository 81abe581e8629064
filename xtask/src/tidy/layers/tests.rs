//! The table points down only, and what is not in it is complained of.

use super::{super::workspace::Dependency, *};

const SAMPLE: &[Layer] = &[layer("a", &[], &[]), layer("b", &["a"], &[]), layer("c", &[], &["a"])];

fn complaints(folder: &str, name: &str, kind: DependencyKind) -> usize {
    let dependency = Dependency { name: name.into(), ours: true, kind };
    let package = Package { folder: folder.into(), dependencies: vec![dependency] };
    check_package(&package, SAMPLE).len()
}

#[test]
fn rows_use_earlier_rows_only() {
    for (index, layer) in LAYERS.iter().enumerate() {
        for name in layer.uses {
            let below = LAYERS[..index].iter().any(|lower| lower.folder == *name);
            assert!(below, "{} uses {name}, which is not below it", layer.folder);
        }
        for name in layer.tests {
            let known = LAYERS.iter().any(|other| other.folder == *name);
            assert!(known, "{} tests with {name}, which has no row", layer.folder);
        }
    }
}

#[test]
fn arrow_of_the_table_passes() {
    assert_eq!(complaints("b", "a", DependencyKind::Normal), 0);
    assert_eq!(complaints("b", "a", DependencyKind::Development), 0);
    assert_eq!(complaints("c", "a", DependencyKind::Development), 0);
    assert_eq!(complaints("a", "a", DependencyKind::Development), 0);
}

#[test]
fn any_other_arrow_fails() {
    assert_eq!(complaints("a", "b", DependencyKind::Normal), 1);
    assert_eq!(complaints("a", "b", DependencyKind::Development), 1);
    assert_eq!(complaints("c", "a", DependencyKind::Normal), 1);
    assert_eq!(complaints("c", "a", DependencyKind::Build), 1);
}

#[test]
fn unknown_crate_fails() {
    assert_eq!(complaints("d", "a", DependencyKind::Normal), 1);
}

#[test]
fn foreign_crates_are_not_layered() {
    let kind = DependencyKind::Normal;
    let dependency = Dependency { name: "bytes".into(), ours: false, kind };
    let package = Package { folder: "a".into(), dependencies: vec![dependency] };
    assert_eq!(check_package(&package, SAMPLE), []);
}
