//! Members that leave, or lead no longer.

use std::time::Duration;

use units::NodeId;

use super::{Story, calm, exactly, put};
use crate::parameters::Parameters;
use crate::part::Part;

/// Who takes part, as of the newest place that anybody has applied.
fn voters(story: &Story) -> &[NodeId] {
    &story.0.configuration.1.voters
}

/// Of two voters one has removed itself, and knows it; the other has not heard of it, holds less of
/// the log, and so does not get its vote. Nobody could ever lead again. Now who refuses a vote says
/// what is committed: the other learns that it decides alone.
#[test]
fn the_last_voter_learns_that_it_is() {
    for part in Part::ALL {
        the_last_voter_learns(part);
    }
}

fn the_last_voter_learns(part: Part) {
    let mut story = Story::by(part, 2);
    let leader = story.leader();
    let other = 3 - leader;
    story.put("a", "what all know");
    let before = story.0.checks.decided();
    story.asks_to_remove(leader, leader);
    story.until("it is committed", |world| world.checks.decided() > before);
    story.cut_off(leader);
    story.asks(leader, put("a", "what only the leader holds"));
    story.until("the leader has left", |world| world.configuration.1.voters == [NodeId(other)]);
    story.passes(Duration::from_millis(10));
    story.crash(leader);
    story.restart(leader);
    story.mend();
    story.until("the other leads", |world| super::leader(world) == Some(NodeId(other)));
    story.put("a", "what the other was told");
}

/// A leader told of a commit before it had noted that itself. Whoever was removed by it was gone,
/// and the leader came back from a crash without knowing, and waited for that one's vote. Now it
/// tells when it cannot forget it any more.
#[test]
fn nobody_leaves_on_the_word_of_a_leader_that_may_forget_it() {
    for part in Part::ALL {
        nobody_leaves_too_soon(part);
    }
}

fn nobody_leaves_too_soon(part: Part) {
    let mut story = Story::by(part, 2);
    let leader = story.leader();
    let other = 3 - leader;
    story.put("a", "what all know");
    let before = story.0.checks.decided();
    story.asks_to_remove(leader, other);
    story.syncs_take_long(leader);
    story.until("it is committed", |world| world.checks.decided() > before);
    story.passes(Duration::from_millis(200));
    assert_eq!(voters(&story).len(), 2, "the other has left on what the leader may forget");
    story.crash(leader);
    story.restart(leader);
    story.until("it has left", |world| world.configuration.1.voters == [NodeId(leader)]);
    story.until("who stays leads", |world| super::leader(world) == Some(NodeId(leader)));
    story.put("a", "all is well");
}

/// Who is asked for a change may be behind: one after the other is told to leave by a member that
/// takes itself for one of three, until one is left. The others take it for done when they know.
#[test]
fn three_become_one_by_the_word_of_one_that_is_behind() {
    for part in Part::ALL {
        three_become_one(part);
    }
}

fn three_become_one(part: Part) {
    let mut story = Story::by(part, 3);
    let leader = story.leader();
    let (first, second) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    story.asks_to_remove(first, first);
    story.asks_to_remove(first, second);
    story.until("one has left", |world| world.configuration.1.voters.len() == 2);
    story.asks_to_remove(second, second);
    story.until("one is left", |world| world.configuration.1.voters.len() == 1);
    story.crash(leader);
    story.restart(leader);
    story.until("it leads", |world| super::leader(world) == Some(NodeId(leader)));
}

/// A leader that has removed itself goes on until those who stay know that: also a member that was
/// away meanwhile, and needs a snapshot. Then one of them leads.
#[test]
fn a_leader_that_leaves_feeds_who_lags() {
    for part in Part::ALL {
        let mut story = Story::by(part, 3);
        let leader = story.leader();
        let away = leader % 3 + 1;
        story.cut_off(away);
        for value in 0..30 {
            story.put("a", &value.to_string());
            story.passes(Duration::from_millis(20));
        }
        story.asks_to_remove(leader, leader);
        story.until("the leader has left", |world| world.configuration.1.voters.len() == 2);
        story.mend();
        story.catches_up(away);
        story.until("one who stays leads", |world| {
            super::leader(world).is_some_and(|id| id != NodeId(leader))
        });
        story.put("a", "what the others were told");
    }
}

/// An error of the world's own: a leader stood still, after another had acknowledged an entry. When
/// it went on its own sync had come to an end, so that the entry was committed; and in the same
/// breath it found that it had heard of nobody for too long, and stepped down. The world had looked
/// at what leaders say alone, and took the entry for one that nobody had committed.
#[test]
fn what_a_leader_commits_with_its_last_breath_counts() {
    for part in Part::ALL {
        let engine_sync = exactly(Duration::from_secs(1_000));
        let mut story = Story::like(Parameters { part, engine_sync, ..calm(3) });
        let leader = story.leader();
        story.put("a", "what all know");
        let before = story.0.checks.decided();
        story.syncs_take_long(leader);
        story.stands_still(leader % 3 + 1, Duration::from_secs(11));
        story.asks(leader, put("a", "what one acknowledges"));
        story.passes(Duration::from_millis(20));
        story.stands_still((leader + 1) % 3 + 1, Duration::from_secs(10));
        // Who was heard of is asked for once in an election timeout.
        story.passes(Duration::from_secs(1));
        story.stands_still(leader, Duration::from_millis(8_900));
        assert_eq!(story.0.checks.decided(), before, "its sync is under way");
        story.until("it is committed", |world| world.checks.decided() > before);
        assert_eq!(super::leader(&story.0), None);
    }
}
