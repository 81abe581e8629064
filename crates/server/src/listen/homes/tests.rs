use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::thread::{self, ThreadId};

use super::{Homes, Key};

fn homes(most: usize) -> Homes {
    let homes_max = NonZeroUsize::new(most).expect("there is one");
    Homes { homes: Mutex::default(), homes_max }
}

async fn thread_of(key: &Key) -> ThreadId {
    let told = key.runtime.spawn(async { thread::current().id() });
    told.await.expect("it lives")
}

#[tokio::test]
async fn connections_live_where_the_fewest_do() {
    let homes = homes(2);
    let enter = || homes.enter().expect("there is a thread");
    let (one, other) = (enter(), enter());
    let (first, second) = (thread_of(&one).await, thread_of(&other).await);
    assert_ne!(first, second);
    assert_ne!(first, thread::current().id());
    drop(other);
    let other = enter();
    assert_eq!(thread_of(&other).await, second, "nobody was left there");
    drop(one);
    let (one, third) = (enter(), enter());
    assert_eq!(thread_of(&one).await, first);
    drop(one);
    let one = enter();
    assert_eq!(thread_of(&one).await, first, "one lives there, two elsewhere");
    drop((one, other, third));
}

#[tokio::test]
async fn no_thread_is_begun_for_nobody() {
    let homes = homes(8);
    for _ in 0..3 {
        drop(homes.enter().expect("there is a thread"));
    }
    assert_eq!(homes.homes.lock().expect("nothing panicked").len(), 1);
}

#[tokio::test]
async fn what_lives_on_a_thread_ends_with_it() {
    let homes = homes(1);
    let key = homes.enter().expect("there is a thread");
    let living = key.runtime.spawn(std::future::pending::<()>());
    drop(homes);
    assert!(living.await.expect_err("it does not end by itself").is_cancelled());
}
