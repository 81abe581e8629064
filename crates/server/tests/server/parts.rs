//! Members of every part that there is, one kind at a time; the others are the usual ones.

use proto::etcdserverpb::cluster_client::ClusterClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::{MemberAddRequest, MoveLeaderRequest, StatusRequest};
use server::{Config, Error, Member, Parts};
use tonic::Code;

use crate::seat::{Seat, get, put, start, within};

/// What is in memory is not there after an end.
const FORGETS: &str = "memory";

/// The flags that choose each part, but for those that the filter leaves out.
fn choices(wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let parts = Parts::compiled_in();
    let flags = |flag: &str, names: &mut dyn Iterator<Item = &str>| {
        let names = names.filter(|name| wanted(name));
        names.map(|name| format!("--{flag}={name}")).collect::<Vec<_>>()
    };
    [
        flags("raft-log", &mut parts.logs.names()),
        flags("backend", &mut parts.engines.names()),
        flags("peer-transport", &mut parts.transports.names()),
        flags("consensus", &mut parts.consensus.names()),
    ]
    .concat()
}

/// The transport that this flag chooses, or nothing if it chooses something else.
fn transport(choice: &str) -> &str {
    choice.strip_prefix("--peer-transport=").unwrap_or_default()
}

async fn stop(member: Member) {
    within("the stop", member.stop()).await.expect("it stops well");
}

async fn refused(config: Config) -> String {
    let refused = Member::start(config).await.err().expect("it does not start");
    assert!(matches!(refused, Error::DataDir(_) | Error::Config(_)), "{refused}");
    refused.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_keeps_what_it_was_told() {
    for choice in choices(|name| name != FORGETS) {
        let seat = Seat::by("one", transport(&choice));
        let config = || seat.config(&seat.listing(), &[&choice]);
        let member = start(config()).await;
        put(&seat, "a", "1").await;
        // Whoever still has hold of it keeps nothing of its files.
        let former = member.handle().clone();
        stop(member).await;
        let member = start(config()).await;
        drop(former);
        assert_eq!(get(&seat, "a").await.as_deref(), Some(&b"1"[..]), "{choice}");
        put(&seat, "b", "2").await;
        // As if its process was killed.
        drop(member);
        let member = within("the end of the former one", again(&config)).await;
        assert_eq!(get(&seat, "a").await.as_deref(), Some(&b"1"[..]), "{choice}");
        assert_eq!(get(&seat, "b").await.as_deref(), Some(&b"2"[..]), "{choice}");
        stop(member).await;
    }
}

/// Starts a member whose former life may not be quite over: its addresses and files are still in
/// use for a moment.
async fn again(config: &impl Fn() -> Config) -> Member {
    loop {
        match Member::start(config()).await {
            Ok(member) => return member,
            Err(error) => {
                let is_in_use = matches!(error, Error::Listen { .. })
                    || error.to_string().ends_with("is in use by another process");
                assert!(is_in_use, "{error}");
                tokio::task::yield_now().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_members_agree_whatever_they_are_made_of() {
    for choice in choices(|name| name != "solo") {
        three_members_agree(&choice).await;
    }
}

async fn three_members_agree(choice: &str) {
    let seats = ["a", "b", "c"].map(|name| Seat::by(name, transport(choice)));
    let members = together(&seats, [choice; 3]).await;
    for (seat, key) in seats.iter().zip(["x", "y", "z"]) {
        put(seat, key, "v").await;
    }
    for seat in &seats {
        for key in ["x", "y", "z"] {
            assert_eq!(get(seat, key).await.as_deref(), Some(&b"v"[..]), "{choice}");
        }
    }
    for member in members {
        stop(member).await;
    }
}

/// The members of a new cluster.
async fn together(seats: &[Seat; 3], choices: [&str; 3]) -> Vec<Member> {
    let cluster = listing(seats);
    let starting = seats.iter().zip(choices).map(|(seat, choice)| seat.config(&cluster, &[choice]));
    let starting: Vec<_> = starting.map(|config| tokio::spawn(start(config))).collect();
    let mut members = Vec::new();
    for starting in starting {
        members.push(starting.await.expect("it starts"));
    }
    members
}

fn listing(seats: &[Seat]) -> String {
    seats.iter().map(Seat::listing).collect::<Vec<_>>().join(",")
}

/// Both speak the same, so that a cluster can go over from one to the other, member by member:
/// leaders of either are lost as if their processes were killed, and come back as the other.
#[tokio::test(flavor = "multi_thread")]
async fn members_of_raft_and_of_raftrs_lose_nothing_with_their_leaders() {
    let [ours, theirs] = ["--consensus=raft", "--consensus=raftrs"];
    let seats = ["a", "b", "c"].map(Seat::new);
    let mut choices = [ours, theirs, ours];
    let mut members: Vec<_> = together(&seats, choices).await.into_iter().map(Some).collect();
    let mut keys = Vec::new();
    for (leader, before, after) in [(0, "a", "b"), (1, "c", "d")] {
        lead(&seats, leader).await;
        put(&seats[leader], before, "v").await;
        drop(members[leader].take());
        put(&seats[(leader + 1) % 3], after, "v").await;
        choices[leader] = if choices[leader] == ours { theirs } else { ours };
        let config = || seats[leader].config(&listing(&seats), &[choices[leader]]);
        members[leader] = Some(within("the end of the former one", again(&config)).await);
        keys.extend([before, after]);
        for (seat, choice) in seats.iter().zip(choices) {
            for key in &keys {
                let found = get(seat, key).await;
                assert_eq!(found.as_deref(), Some(&b"v"[..]), "{key}, {choice}");
            }
        }
    }
    for member in members.into_iter().flatten() {
        stop(member).await;
    }
}

/// Sees to it that this one leads.
async fn lead(seats: &[Seat; 3], wanted: usize) {
    let target_id = status(&seats[wanted]).await.0;
    within("the leader", async {
        loop {
            for seat in seats {
                let (id, leader) = status(seat).await;
                if leader == target_id {
                    return;
                }
                if leader == id {
                    let mut client = MaintenanceClient::new(seat.connect().await);
                    // It may have lost its office meanwhile.
                    client.move_leader(MoveLeaderRequest { target_id }).await.ok();
                }
            }
        }
    })
    .await;
}

/// Who it is, and who leads, as far as it knows.
async fn status(seat: &Seat) -> (u64, u64) {
    let mut client = MaintenanceClient::new(seat.connect().await);
    let status = within("the status", client.status(StatusRequest::default())).await;
    let status = status.expect("it is told").into_inner();
    (status.header.expect("answers have one").member_id, status.leader)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_memory_is_forgotten_and_nothing_else_is_taken_for_it() {
    let both = ["--raft-log=memory", "--backend=memory"];
    let seat = Seat::new("one");
    for _ in 0..2 {
        let member = start(seat.config(&seat.listing(), &both)).await;
        assert_eq!(get(&seat, "a").await, None);
        put(&seat, "a", "1").await;
        stop(member).await;
    }
    for (flag, why) in [
        ("--backend=memory", "of the backend is missing"),
        ("--raft-log=memory", "add it anew with an empty data directory"),
    ] {
        let seat = Seat::new("one");
        let member = start(seat.config(&seat.listing(), &[flag])).await;
        put(&seat, "a", "1").await;
        stop(member).await;
        let error = refused(seat.config(&seat.listing(), &[flag])).await;
        assert!(error.ends_with(why), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_is_opened_by_what_wrote_it_alone() {
    let seat = Seat::new("one");
    let member = start(seat.config(&seat.listing(), &[])).await;
    put(&seat, "a", "1").await;
    stop(member).await;
    for flag in ["--raft-log=memory", "--backend=memory"] {
        let error = refused(seat.config(&seat.listing(), &[flag])).await;
        assert!(error.contains("was written with --raft-log=wal --backend=lsm"), "{error}");
    }
    let member = start(seat.config(&seat.listing(), &["--backend=lsm"])).await;
    assert_eq!(get(&seat, "a").await.as_deref(), Some(&b"1"[..]));
    stop(member).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn solo_stays_alone() {
    let (seat, other) = (Seat::new("one"), Seat::new("two"));
    let solo = ["--consensus=solo"];
    let both = format!("{},{}", seat.listing(), other.listing());
    assert_eq!(
        refused(seat.config(&both, &solo)).await,
        "--consensus=solo is for clusters of at most 1, and --initial-cluster has 2"
    );
    let member = start(seat.config(&seat.listing(), &solo)).await;
    put(&seat, "a", "1").await;
    let mut client = ClusterClient::new(seat.connect().await);
    for is_learner in [false, true] {
        let peer_urls = vec![other.peer_url.clone()];
        let add = MemberAddRequest { peer_urls, is_learner };
        let status = within("an answer", client.member_add(add)).await.expect_err("nobody joins");
        assert_eq!(
            (status.code(), status.message()),
            (Code::FailedPrecondition, "etcdserver: not capable")
        );
    }
    stop(member).await;
    // Its log is anybody's: raft goes on where solo has ended, and the other way round.
    for consensus in ["--consensus=raft", "--consensus=solo"] {
        let member = start(seat.config(&seat.listing(), &[consensus])).await;
        assert_eq!(get(&seat, "a").await.as_deref(), Some(&b"1"[..]));
        put(&seat, "b", "2").await;
        stop(member).await;
    }
}

/// It would go on without the others, and they without it.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_several_does_not_go_on_as_solo() {
    let seats = ["a", "b"].map(Seat::new);
    let cluster = seats.iter().map(Seat::listing).collect::<Vec<_>>().join(",");
    let starting = seats.each_ref().map(|seat| tokio::spawn(start(seat.config(&cluster, &[]))));
    let mut members = Vec::new();
    for starting in starting {
        members.push(starting.await.expect("it starts"));
    }
    put(&seats[0], "a", "1").await;
    for member in members {
        stop(member).await;
    }
    // What the flags say of the cluster counts no more.
    let config = seats[0].config(&seats[0].listing(), &["--consensus=solo"]);
    let refused = Member::start(config).await.err().expect("it does not start");
    assert_eq!(
        refused.to_string(),
        "the cluster has 2 members, and consensus is chosen that orders for at most 1"
    );
}
