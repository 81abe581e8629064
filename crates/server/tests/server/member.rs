//! How members start, end, and form clusters.

use proto::etcdserverpb::cluster_client::ClusterClient;
use proto::etcdserverpb::{MemberAddRequest, MemberListRequest};
use server::{Error, Member};

use crate::seat::{Seat, get, names, put, start, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_member_keeps_what_it_was_told() {
    let seat = Seat::new("one");
    let config = || seat.config(&seat.listing(), &[]);
    let member = start(config()).await;
    put(&seat, "a", "1").await;
    let second = Member::start(config()).await.err().expect("the addresses are taken");
    assert!(matches!(second, Error::Listen { .. }), "{second}");
    within("the stop", member.stop()).await.expect("it stops well");
    let member = start(config()).await;
    assert_eq!(get(&seat, "a").await.as_deref(), Some(&b"1"[..]));
    within("the stop", member.stop()).await.expect("it stops well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_has_one_user() {
    let (seat, elsewhere) = (Seat::new("one"), Seat::new("one"));
    let member = start(seat.config(&seat.listing(), &[])).await;
    let mut config = elsewhere.config(&elsewhere.listing(), &[]);
    config.data_dir = seat.folder.path().join("data");
    let second = Member::start(config).await.err().expect("it is in use");
    assert!(second.to_string().ends_with("is in use by another process"), "{second}");
    put(&seat, "a", "1").await;
    within("the stop", member.stop()).await.expect("it stops well");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_somebody_else_is_left_alone() {
    let seat = Seat::new("one");
    let config = seat.config(&seat.listing(), &[]);
    let snap = config.data_dir.join("member/snap");
    std::fs::create_dir_all(&snap).expect("it can be made");
    std::fs::write(snap.join("db"), "an etcd's").expect("it can be written");
    let refused = Member::start(config.clone()).await.err().expect("it is an etcd's");
    assert!(matches!(refused, Error::DataDir(_)), "{refused}");
    assert_eq!(names(&config.data_dir.join("member")), ["snap"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_its_cluster_refuses_leaves_nothing_behind() {
    let (seat, other) = (Seat::new("one"), Seat::new("two"));
    let unnamed = seat.config(&other.listing(), &[]);
    let both = format!("{},{}", seat.listing(), other.listing());
    let joining = seat.config(&both, &["--initial-cluster-state=existing"]);
    let member = start(other.config(&other.listing(), &[])).await;
    for (config, why) in
        [(unnamed, "couldn't find local name"), (joining.clone(), "member count is unequal")]
    {
        let refused = Member::start(config).await.err().expect("it is refused");
        assert!(refused.to_string().contains(why), "{refused}");
        assert_eq!(names(seat.folder.path()), [""; 0], "{why}");
    }
    within("the stop", member.stop()).await.expect("it stops well");
    let refused = Member::start(joining).await.err().expect("nobody answers");
    assert!(refused.to_string().contains("cannot fetch cluster info"), "{refused}");
    assert_eq!(names(seat.folder.path()), [""; 0]);
}

/// Without its log a member would not know what it has promised, so it must not begin a new one;
/// also when the log is merely elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_whose_log_is_gone_is_not_started_with_a_new_one() {
    let seat = Seat::new("one");
    let elsewhere = seat.folder.path().join("elsewhere");
    let flag = format!("--wal-dir={}", elsewhere.display());
    let member = start(seat.config(&seat.listing(), &[&flag])).await;
    put(&seat, "a", "1").await;
    within("the stop", member.stop()).await.expect("it stops well");

    let forgetful = seat.config(&seat.listing(), &[]);
    let engine = forgetful.data_dir.join("member/lsm");
    let log = forgetful.data_dir.join("member/wal");
    let refused = Member::start(forgetful).await.err().expect("its log is not there");
    let expected = format!(
        "the raft log in {} is missing, while {} holds data up to index ",
        log.display(),
        engine.display()
    );
    assert!(refused.to_string().starts_with(&expected), "{refused}");
    assert!(!refused.to_string().contains("  "), "{refused}");
    assert!(!log.exists(), "no stray log");

    let member = start(seat.config(&seat.listing(), &[&flag])).await;
    assert_eq!(get(&seat, "a").await.as_deref(), Some(&b"1"[..]));
    within("the stop", member.stop()).await.expect("it stops well");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_members_are_one_cluster_and_a_fourth_can_join() {
    let seats = ["a", "b", "c"].map(Seat::new);
    let cluster = seats.iter().map(Seat::listing).collect::<Vec<_>>().join(",");
    // Else members could not be changed before all have been connected for a while.
    let hasty = ["--strict-reconfig-check=false"];
    let starting = seats.iter().map(|seat| tokio::spawn(start(seat.config(&cluster, &hasty))));
    let mut members = Vec::new();
    for starting in starting.collect::<Vec<_>>() {
        members.push(starting.await.expect("it starts"));
    }
    put(&seats[0], "k", "v").await;
    for seat in &seats {
        assert_eq!(get(seat, "k").await.as_deref(), Some(&b"v"[..]));
    }

    let joining = Seat::new("d");
    let mut client = ClusterClient::new(seats[0].connect().await);
    let peer_urls = vec![joining.peer_url.clone()];
    let add = MemberAddRequest { peer_urls, is_learner: false };
    let added = within("the change", client.member_add(add)).await.expect("it is added");
    let added = added.into_inner();
    assert_eq!(added.members.len(), 4);
    let cluster = format!("{cluster},{}", joining.listing());
    let config = joining.config(&cluster, &["--initial-cluster-state=existing"]);
    members.push(start(config).await);
    assert_eq!(get(&joining, "k").await.as_deref(), Some(&b"v"[..]));
    let mut client = ClusterClient::new(joining.connect().await);
    let listed = client.member_list(MemberListRequest { linearizable: true }).await;
    let listed = listed.expect("it is known").into_inner().members;
    assert!(listed.iter().all(|member| !member.name.is_empty()), "{listed:?}");

    // One is lost without a word; the others go on.
    drop(members.remove(0));
    put(&seats[1], "k", "w").await;
    assert_eq!(get(&joining, "k").await.as_deref(), Some(&b"w"[..]));
    for member in members {
        within("the stop", member.stop()).await.expect("it stops well");
    }
}
