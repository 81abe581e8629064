use super::*;

#[test]
fn an_answer_finds_its_waiter_once() {
    let waiters = Waiters::new();
    let mut first = waiters.register(Ticket(1)).expect("there is room");
    let mut second = waiters.register(Ticket(17)).expect("there is room");
    waiters.answer(Ticket(17), "a");
    assert_eq!(second.try_recv(), Ok("a"));
    assert!(first.try_recv().is_err());
    waiters.answer(Ticket(17), "b");
    waiters.answer(Ticket(1), "c");
    assert_eq!(first.try_recv(), Ok("c"));
}

#[test]
fn who_gives_up_is_forgotten() {
    let waiters = Waiters::<()>::new();
    let answered = waiters.register(Ticket(1)).expect("there is room");
    assert!(waiters.take(Ticket(1)).is_some());
    assert!(waiters.take(Ticket(1)).is_none());
    drop(answered);
    assert_eq!(waiters.count.load(Ordering::Relaxed), 0);
}

#[test]
fn only_so_many_may_wait() {
    let waiters = Waiters::<()>::new();
    let waiting: Vec<_> = (0..REQUESTS_MAX as u64)
        .map(|ticket| waiters.register(Ticket(ticket)).expect("there is room"))
        .collect();
    let next = Ticket(REQUESTS_MAX as u64);
    assert_eq!(waiters.register(next).err(), Some(Unwaited::TooMany));
    waiters.answer(Ticket(5), ());
    assert!(waiters.register(next).is_ok());
    drop(waiting);
}

#[test]
fn everybody_hears_of_the_end() {
    let waiters = Waiters::new();
    let mut waiting = waiters.register(Ticket(1)).expect("there is room");
    waiters.close(|| "over");
    assert_eq!(waiting.try_recv(), Ok("over"));
    assert_eq!(waiters.register(Ticket(2)).err(), Some(Unwaited::Stopped));
    waiters.answer(Ticket(1), "late");
}
