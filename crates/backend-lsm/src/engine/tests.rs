use std::thread;

use backend::Table;

use super::*;

const TABLE: Table = Table { id: 1, name: "engine-tests" };

/// Nothing reaches a file any more once a thread has panicked: whoever writes meanwhile is told,
/// and so is whoever comes then.
#[test]
fn a_thread_that_panics_ends_the_engine() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let options = Options { cache_bytes: 1 << 20, memtable_bytes: 1 << 10 };
    let engine = LsmBackend::open(directory.path(), options).expect("the engine opens");
    let shared = &engine.shared;
    let told = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            loop {
                let mut batch = Batch::new();
                batch.put(TABLE, &b"key"[..], vec![0; 1 << 10]);
                if let Err(fault) = engine.write(batch) {
                    return fault;
                }
            }
        });
        shared.serve("lsm-test", || panic!("a bug"));
        writer.join().expect("it is told")
    });
    let expected = Fault::Io { doing: "running the thread lsm-test".into(), error: "a bug".into() };
    assert_eq!(told, expected);
    assert_eq!(engine.sync(), Err(expected));
}

#[test]
fn merges_take_their_time_unless_they_are_waited_for() {
    let mut work = Work {
        wanted: vec![true; 2],
        no_room: vec![false; 2],
        delay: Duration::ZERO,
        broken: None,
    };
    assert!(work.is_leisurely(0) && work.is_leisurely(LEVEL_0_LEISURELY));
    assert!(!work.is_leisurely(LEVEL_0_LEISURELY + 1), "reads look into more and more files");
    assert!(!work.is_leisurely(LEVEL_0_SLOW), "they hurry before anybody is held back");
    work.no_room[FLUSHER] = true;
    assert!(!work.is_leisurely(0), "they make room");
}
