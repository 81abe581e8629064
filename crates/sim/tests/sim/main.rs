//! Worlds that every change has to survive; `cargo xtask sim` runs many more.

use sim::{Options, Part, run};

/// Each some seconds of a cluster in trouble.
const EVENTS: u64 = 2_000;

/// Seeds in which a leader removes itself while others lag behind, which parts have got wrong.
const OF_LEAVING: [u64; 1] = [2_105];

fn are_sound(seeds: impl IntoIterator<Item = u64>, part: Part) {
    for seed in seeds {
        if let Err(failure) = run(seed, &Options { part, ..Options::of(EVENTS) }) {
            panic!("seed {seed}, after {} events: {}", failure.events, failure.violation);
        }
    }
}

#[test]
fn many_worlds_are_sound() {
    are_sound(1..=150, Part::Raft);
}

#[test]
fn worlds_of_another_consensus_are_sound() {
    are_sound((1..=50).chain(OF_LEAVING), Part::Raftrs);
}

#[test]
fn worlds_of_either_consensus_are_sound() {
    are_sound((1..=50).chain(OF_LEAVING), Part::Either);
}

#[test]
fn a_seed_always_gives_the_same_world() {
    for (seed, part) in (1_000_001..=1_000_012).zip(Part::ALL.into_iter().cycle()) {
        let options = Options { part, ..Options::of(EVENTS) };
        assert_eq!(run(seed, &options), run(seed, &options), "seed {seed} of {}", part.name());
    }
}
