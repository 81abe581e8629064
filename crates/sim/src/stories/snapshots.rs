//! Members that need a snapshot.

use std::time::Duration;

use units::NodeId;

use super::{Story, calm, exactly, leader, put};
use crate::parameters::Parameters;

/// A member comes back whose place in the log is gone, takes a snapshot, and takes its time to
/// install it, while the others go on.
fn comes_back(installs_in: Duration) -> (Story, u64) {
    let install = exactly(installs_in);
    let mut story = Story::like(Parameters { install, ..calm(3) });
    let late = story.leader() % 3 + 1;
    story.cut_off(late);
    goes_on(&mut story);
    story.mend();
    story.until("a snapshot arrives", |world| {
        world.checks.tally.iter().any(|(what, _)| what == "snapshot arrives")
    });
    (story, late)
}

/// The log is trimmed behind what is done.
fn goes_on(story: &mut Story) {
    let trimmed = story.count("log trimmed");
    for value in 0..30 {
        story.put("a", &value.to_string());
        story.passes(Duration::from_millis(20));
    }
    assert!(story.count("log trimmed") > trimmed, "nothing was trimmed");
}

/// The log was kept only until a snapshot had been sent. Then what follows on it was gone when it
/// was installed, the next one was needed, and so on for as long as there was work.
#[test]
fn the_log_stays_until_a_snapshot_is_installed() {
    let (mut story, late) = comes_back(Duration::from_secs(3));
    goes_on(&mut story);
    story.until("it is installed", |world| {
        world.checks.tally.iter().any(|(what, _)| what == "snapshot installed")
    });
    goes_on(&mut story);
    story.catches_up(late);
    assert_eq!(story.count("snapshot sent"), 1);
}

/// Whoever needs longer than the log is kept for it will need another one, but not before it has
/// done with the first: until then every further one would be taken and sent for nothing.
#[test]
fn who_installs_a_snapshot_is_sent_no_other_one() {
    let (mut story, _) = comes_back(Duration::from_secs(60));
    story.passes(Duration::from_secs(30));
    for _ in 0..30 {
        goes_on(&mut story);
    }
    assert_eq!(story.count("snapshot installed"), 0, "it is still at it");
    assert_eq!(story.count("snapshot sent"), 1);
}

/// A member that led has entries that were never committed, more than the others' snapshot covers.
/// Its installation throws them away, and is cut short after so many calls to the log's disk.
fn installs_until(calls: u64, power_off_permille: u64) -> (Story, u64) {
    let install = exactly(Duration::from_secs(1));
    let mut story = Story::like(Parameters { install, power_off_permille, ..calm(3) });
    let late = story.leader();
    story.cut_off(late);
    for value in 0..60 {
        story.asks(late, put("a", &format!("nobody hears of {value}")));
    }
    story.until("another leads", |world| leader(world).is_some_and(|id| id != NodeId(late)));
    goes_on(&mut story);
    story.mend();
    story.until("a snapshot arrives", |world| {
        world.checks.tally.iter().any(|(what, _)| what == "snapshot arrives")
    });
    story.passes(Duration::from_millis(900));
    story.power_fails_after(late, calls);
    story.until("it is being installed", |world| {
        world.checks.tally.iter().any(|(what, _)| what == "snapshot installed")
    });
    (story, late)
}

/// An error of the world's own: it missed what an installation had thrown away, if that was cut
/// short when the log had its new name already and nobody knew. Wherever it is cut short, by power
/// that fails or a process that dies, the start goes on from there.
#[test]
fn an_installation_that_is_cut_short_anywhere_is_finished_by_a_start() {
    let mut cut_short = 0;
    for (calls, power_off_permille) in (0..10).flat_map(|calls| [(calls, 0), (calls, 1_000)]) {
        let (mut story, late) = installs_until(calls, power_off_permille);
        if story.0.running(NodeId(late)).is_none() {
            cut_short += 1;
            story.restart(late);
            story.catches_up(late);
        }
    }
    assert!(cut_short > 10, "only {cut_short} were cut short");
}
