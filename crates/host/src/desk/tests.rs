use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::*;

/// Remembers what was brought to it.
#[derive(Debug, Default)]
struct Clerk {
    done: Vec<u32>,
    deadline: Option<Instant>,
}

impl Owner for Clerk {
    type Work = u32;

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

fn desk() -> Desk<Clerk> {
    Desk::new(Clerk::default())
}

#[test]
fn work_is_taken_in_order_with_its_owner() {
    let desk = desk();
    desk.post(1);
    desk.post_all(&mut vec![2, 3]);
    let mut work = VecDeque::new();
    let owner = desk.begin(&mut work).expect("there is work");
    assert_eq!(work, [1, 2, 3]);
    desk.post(4);
    assert!(desk.borrow().is_none(), "the owner is taken");
    desk.end(owner);
    assert!(desk.borrow().is_none(), "there is work for the thread");
    work.clear();
    let owner = desk.begin(&mut work).expect("there is work");
    desk.end(owner);
    assert!(desk.borrow().is_some(), "the owner lies idle");
}

#[test]
fn what_is_offered_is_bounded_and_what_is_posted_is_not() {
    let desk = desk();
    assert!(desk.offer(1, 2).is_ok());
    assert!(desk.offer(2, 2).is_ok());
    assert!(matches!(desk.offer(3, 2), Err(Declined::Full(3))));
    desk.post(3);
    desk.close();
    assert!(matches!(desk.offer(4, 9), Err(Declined::Closed(4))));
    desk.post(4);
    let mut work = VecDeque::new();
    let owner = desk.begin(&mut work).expect("what lies there is still done");
    assert_eq!(work, [1, 2, 3]);
    work.clear();
    desk.end(owner);
    assert!(desk.begin(&mut work).is_none());
}

#[test]
fn a_deadline_is_work_too() {
    let desk = desk();
    let mut owner = desk.borrow().expect("the owner lies idle");
    owner.deadline = Some(Instant::now());
    desk.end(owner);
    let mut work = VecDeque::new();
    assert!(desk.begin(&mut work).is_some());
    assert!(work.is_empty());
}

/// A thread that does what is brought, until the desk is closed, and tells how much it has done.
fn serve(desk: &Arc<Desk<Clerk>>) -> (thread::JoinHandle<()>, mpsc::Receiver<usize>) {
    let (tell, told) = mpsc::channel();
    let desk = Arc::clone(desk);
    let thread = thread::spawn(move || {
        let mut work = VecDeque::new();
        while let Some(mut owner) = desk.begin(&mut work) {
            owner.done.extend(work.drain(..));
            owner.deadline = None;
            tell.send(owner.done.len()).expect("somebody listens");
            desk.end(owner);
        }
    });
    (thread, told)
}

/// The owner, once all is done.
fn idle(desk: &Desk<Clerk>) -> Clerk {
    loop {
        if let Some(owner) = desk.borrow() {
            return owner;
        }
        thread::yield_now();
    }
}

#[test]
fn a_sleeping_thread_is_woken_by_work_by_a_sooner_deadline_and_by_the_end() {
    let patience = Duration::from_secs(30);
    let desk = Arc::new(desk());
    let (thread, told) = serve(&desk);
    desk.post(1);
    assert_eq!(told.recv_timeout(patience), Ok(1));
    let mut owner = idle(&desk);
    owner.deadline = Some(Instant::now());
    desk.post(2);
    desk.end(owner);
    assert_eq!(told.recv_timeout(patience), Ok(2));
    desk.close();
    thread.join().expect("the thread ends by itself");
}

#[test]
fn a_lost_owner_ends_the_desk() {
    let desk = desk();
    desk.post(1);
    let mut work = VecDeque::new();
    drop(desk.begin(&mut work));
    desk.lose();
    work.clear();
    desk.post(2);
    assert!(desk.begin(&mut work).is_none());
}

/// Many bring work, two take it in turns: nothing is lost, done twice or overtaken.
#[test]
fn who_comes_with_work_may_do_it_on_the_spot() {
    let desk = Arc::new(desk());
    let (thread, told) = serve(&desk);
    let brought = (0..4_u32).map(|who| {
        let desk = Arc::clone(&desk);
        thread::spawn(move || {
            for work in who * 10_000..(who + 1) * 10_000 {
                match desk.borrow() {
                    Some(mut owner) => {
                        owner.done.push(work);
                        desk.end(owner);
                    }
                    None => desk.post(work),
                }
            }
        })
    });
    brought.collect::<Vec<_>>().into_iter().for_each(|one| one.join().expect("it ends"));
    let owner = idle(&desk);
    for who in 0..4 {
        let mine: Vec<_> = owner.done.iter().filter(|work| **work / 10_000 == who).collect();
        assert!(mine.is_sorted() && mine.len() == 10_000);
    }
    desk.end(owner);
    desk.close();
    thread.join().expect("the thread ends by itself");
    drop(told);
}

/// Somebody has work done, on the spot or by a thread that reports to him: he hears of all of it in
/// the order in which it was brought.
#[test]
fn what_is_done_on_the_spot_overtakes_no_report() {
    let (desk, reports) = (Arc::new(desk()), Arc::new(desk()));
    let (theirs, there) = (Arc::clone(&desk), Arc::clone(&reports));
    let thread = thread::spawn(move || {
        let mut work = VecDeque::new();
        while let Some(owner) = theirs.begin(&mut work) {
            there.post_all(&mut work.drain(..).collect());
            theirs.end(owner);
        }
    });
    let mut heard = Vec::new();
    let mut reported = VecDeque::new();
    for work in 0..10_000 {
        desk.post(2 * work);
        // The thread is about to report, or has just done so.
        let owner = loop {
            if let Some(owner) = desk.borrow_beside(&reports) {
                break owner;
            }
            if reports.is_awaited() {
                let reader = reports.begin(&mut reported).expect("there is work");
                heard.extend(reported.drain(..));
                reports.end(reader);
            }
        };
        heard.push(2 * work + 1);
        desk.end(owner);
    }
    desk.close();
    thread.join().expect("the thread ends by itself");
    assert!(heard.is_sorted(), "overtaken: {:?}", heard.windows(2).find(|two| two[0] > two[1]));
}
