//! What healing must come to.

use std::time::Duration;

use node::{Event, Intake};
use proto::etcdserverpb::LeaseGrantRequest;
use state::Command;
use units::NodeId;

use super::{Story, calm, exactly, put};
use crate::parameters::Parameters;
use crate::world::Coming;

fn grant() -> Command {
    let lease_grant = Some(LeaseGrantRequest { id: 7, ttl: 2 });
    Command { lease_grant, ..Command::default() }
}

/// An error of the world's own: a pause ended at the very instant at which all was healed. That the
/// disk was full still waited for the member, and undid that there was room again. What is due
/// comes before the healing.
#[test]
fn what_waits_for_a_pause_to_end_does_not_undo_the_healing() {
    let mut story = Story::of(1);
    let (node, pause) = (NodeId(1), Duration::from_millis(500));
    story.stands_still(1, pause);
    let end = story.0.now + pause;
    // Something else happens at that instant, and comes first.
    story.0.at(end, Coming::Trouble);
    story.0.members.get_mut(&node).expect("it was made").disk.fill();
    story.sound(|world| world.tell(node, Event::Intake(Intake::Closed)));
    story.until("the pause ends", |world| world.now == end);
    story.heals();
    story.0.quiet = true;
    story.put("a", "there is room");
}

/// An error of the world's own: a clock was set back again and again, by more than a minute in all.
/// A member waits until it has caught up with itself, so no lease ended in the time in which a
/// healed cluster must do all it owes. Healing sets clocks right.
#[test]
fn leases_end_where_a_clock_was_set_back_by_minutes() {
    let mut story = Story::like(Parameters { leases_end: true, ..calm(1) });
    story.passes(Duration::from_secs(1));
    story.command(grant());
    let now = story.0.now;
    let member = story.0.members.get_mut(&NodeId(1)).expect("it was made");
    member.clock.back(now, Duration::from_secs(120));
    story.heals();
    assert!(story.0.checks.model.leases.is_empty(), "the lease is still there");
}

/// Another one: where syncs are slow and entries go one by one, what clients have asked for and do
/// not wait for any more may take minutes. As long as it gets on, a healed cluster has the time.
#[test]
fn a_long_queue_takes_its_time() {
    let sync = exactly(Duration::from_millis(300));
    let slow = Parameters { sync, message_bytes: 64, inflight_messages: 1, ..calm(3) };
    let mut story = Story::like(Parameters { leases_end: true, ..slow });
    let leader = story.leader();
    for value in 0..250 {
        story.asks(leader, put("a", &value.to_string()));
    }
    story.asks(leader, grant());
    story.heals();
}
