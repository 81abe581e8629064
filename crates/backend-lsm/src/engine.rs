//! The engine: one tree at a time, and the threads that write and merge its files.

use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use backend::{Backend, Batch, Fault, Records, Stats, View};
use home::{Home, Kind, hold};
use lsm_tree::Cache;

use crate::fault;
use crate::merging::{Merging, Room, Stop};
use crate::pace::Leisure;
use crate::tree::{Merged, Tree};

/// Whose the directory is.
const KIND: Kind = Kind { owner: "backend-lsm", format: 1, marker: "engine", content: "tree" };
/// Memtables' worth of unwritten changes from which on batches are delayed.
const BACKLOG_SLOW: u64 = 2;
/// The same from which on they wait for the flusher. Bounds memory: as much again may be in its
/// hands.
const BACKLOG_MAX: u64 = 4;
/// Runs in level 0 up to which merges take their time: half as many again as set one off.
const LEVEL_0_LEISURELY: u64 = 12;
/// Runs in level 0 from which on batches are delayed: each is one more file that a read looks into.
const LEVEL_0_SLOW: u64 = 20;
/// The same from which on they wait for the compactor. The tree's list of files has room for 255.
const LEVEL_0_MAX: u64 = 64;
/// How long a byte is delayed for each step that the threads are behind: at one step writing goes
/// on at 100 MB/s, which a member alone hardly reaches, at ten steps at 10 MB/s.
const DELAY_OF_BYTE: Duration = Duration::from_nanos(10);
/// Shorter delays are put by until they are worth a sleep.
const DELAY_MIN: Duration = Duration::from_millis(1);
/// The longest delay of one batch, so that slowing down is not stopping.
const DELAY_MAX: Duration = Duration::from_millis(20);
/// Threads that merge files, where there are processors for them: a second one merges the upper
/// levels while the first is busy below, and more would be busy with the same files.
const COMPACTORS_MAX: usize = 2;
/// When a thread looks again whether there is room on the disk.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// When a thread looks again whether views have let go of what they held.
const FREE_EVERY: Duration = Duration::from_millis(250);
/// The flusher's place among the threads; compactors come behind it.
const FLUSHER: usize = 0;
/// How far the threads give way to those that requests wait for, where there are fewer processors
/// than work. The flusher less, as memory is what waits for it; and neither so far that it starves:
/// a lock of the allocator that one of them holds is waited for by all.
const FLUSH_NICE: i32 = 4;
/// See [`FLUSH_NICE`].
const COMPACT_NICE: i32 = 8;

/// How much memory an engine may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of blocks of files that are kept for the next read.
    pub cache_bytes: u64,
    /// Bytes of changes that are gathered before they are written to a file. Some two of these are
    /// in memory under load, up to eight when the disk cannot keep up.
    pub memtable_bytes: u64,
}

impl Options {
    /// What a member uses. The operating system caches files too, so ours need only save it the
    /// unpacking of what is hot; and what a memtable holds is read again from the log after a
    /// crash, so a big one makes starts slow.
    pub const USUAL: Self = Self { cache_bytes: 64 << 20, memtable_bytes: 16 << 20 };
}

/// An engine over a directory.
pub struct LsmBackend {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    options: Options,
    cache: Arc<Cache>,
    /// Held by whoever writes or replaces.
    home: Mutex<Home>,
    /// The content.
    tree: Mutex<Arc<Tree>>,
    work: Mutex<Work>,
    /// Something is wanted of the threads.
    wanted: Condvar,
    /// A thread has done something.
    done: Condvar,
    merging: Merging,
}

struct Work {
    /// Whether a thread has something to do, in the order of the threads.
    wanted: Vec<bool>,
    /// Whether a thread has found no room on the disk for what it has to do. As long as it has not,
    /// the writer does not wait for it.
    no_room: Vec<bool>,
    /// Delay that the writer has not served yet.
    delay: Duration,
    /// What ended the engine, if anything did.
    broken: Option<Fault>,
}

impl LsmBackend {
    /// Opens the engine in a directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] if the directory is somebody else's, which is then left as it is;
    /// [`Fault::Locked`] if it is in use; [`Fault::Corrupt`] if it is damaged; [`Fault::Io`].
    pub fn open(directory: &Path, options: Options) -> Result<Self, Fault> {
        assert!(options.memtable_bytes > 0, "nothing fits into a memtable of no bytes");
        let room = Arc::new(Room::on_disk_of(directory.to_path_buf()));
        let merging = Merging { stop: Stop::default(), room, leisure: Leisure::default() };
        let mut home = Home::open(directory, KIND)?;
        let cache = Arc::new(Cache::with_capacity_bytes(options.cache_bytes));
        let tree = match home.content() {
            Some(place) => Tree::open(place, cache.clone(), merging.clone())?,
            None => {
                let tree = Tree::create(home.make_next()?, cache.clone(), merging.clone())?;
                home.advance()?;
                tree
            }
        };
        let shared = Arc::new(Shared {
            options,
            cache,
            home: Mutex::new(home),
            tree: Mutex::new(Arc::new(tree)),
            // The last run may have left something to merge.
            work: Mutex::new(Work {
                wanted: vec![true; 1 + compactors()],
                no_room: vec![false; 1 + compactors()],
                delay: Duration::ZERO,
                broken: None,
            }),
            wanted: Condvar::new(),
            done: Condvar::new(),
            merging,
        });
        let mut this = Self { shared, threads: Vec::new() };
        for place in FLUSHER..=compactors() {
            this.spawn(place)?;
        }
        Ok(this)
    }

    fn spawn(&mut self, place: usize) -> Result<(), Fault> {
        let shared = self.shared.clone();
        let name = if place == FLUSHER { "lsm-flush" } else { "lsm-compact" };
        let thread = std::thread::Builder::new().name(name.to_string());
        let body = move || {
            shared.serve(name, || {
                if place == FLUSHER {
                    give_way(FLUSH_NICE);
                    shared.flush_forever();
                } else {
                    give_way(COMPACT_NICE);
                    shared.compact_forever(place);
                }
            });
        };
        let thread = thread.spawn(body).map_err(|error| Fault::Io {
            doing: format!("starting the thread {name}"),
            error: error.to_string(),
        })?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for LsmBackend {
    /// Ends without a sync: the log has what is lost.
    fn drop(&mut self) {
        self.shared.merging.stop.stop();
        // Held, so that a thread is either waiting or has yet to look.
        drop(hold(&self.shared.work));
        self.shared.wanted.notify_all();
        for thread in self.threads.drain(..) {
            thread.join().expect("what a thread panics with is caught by it");
        }
    }
}

impl Backend for LsmBackend {
    fn view(&self) -> Arc<dyn View> {
        self.shared.tree().view()
    }

    fn write(&self, batch: Batch) -> Result<(), Fault> {
        self.shared.check()?;
        if batch.is_empty() {
            return Ok(());
        }
        let _writer = hold(&self.shared.home);
        let (tree, bytes) = (self.shared.tree(), batch.bytes() as u64);
        tree.write(batch).map_err(|fault| self.shared.break_with(fault))?;
        self.shared.make_way(&tree, bytes)
    }

    fn sync(&self) -> Result<(), Fault> {
        self.shared.check()?;
        self.shared.flush()
    }

    fn replace(&self, records: &mut dyn Records) -> Result<(), Fault> {
        self.shared.check()?;
        let mut home = hold(&self.shared.home);
        let place = home.make_next()?;
        let next = Tree::create(place, self.shared.cache.clone(), self.shared.merging.clone())?;
        // Unless it becomes the content, it goes as it came.
        next.retire();
        next.fill(records)?;
        // Before the marker may name it: what turns out to be left over goes at the next opening.
        next.keep();
        home.advance().map_err(|fault| self.shared.break_with(fault.into()))?;
        let former = std::mem::replace(&mut *hold(&self.shared.tree), Arc::new(next));
        former.retire();
        drop(home);
        self.shared.has_flushed();
        Ok(())
    }

    fn stats(&self) -> Stats {
        let tree = self.shared.tree();
        let state = tree.state();
        let live_bytes = state.tables.iter().map(|table| table.metadata.file_size).sum();
        Stats {
            disk_bytes: tree.disk_bytes().max(live_bytes),
            live_bytes,
            memory_bytes: self.shared.cache.size() + state.memtable_bytes(),
            cramped: hold(&self.shared.work).is_cramped(state.level_0_runs as u64),
        }
    }
}

impl Shared {
    fn tree(&self) -> Arc<Tree> {
        hold(&self.tree).clone()
    }

    fn check(&self) -> Result<(), Fault> {
        hold(&self.work).broken.clone().map_or(Ok(()), Err)
    }

    /// After a fault nothing is written any more: what the files hold is unknown.
    fn break_with(&self, fault: Fault) -> Fault {
        let fault = match fault {
            // Whoever sees that would try again.
            Fault::Full { doing } => Fault::Io { doing, error: "there is no room".to_string() },
            fault => fault,
        };
        hold(&self.work).broken.get_or_insert_with(|| fault.clone());
        self.done.notify_all();
        fault
    }

    /// Runs a thread. If it panics, that ends the engine: whoever writes hears of it, and nobody
    /// waits for what is not done any more.
    fn serve(&self, thread: &str, run: impl FnOnce()) {
        if let Err(panic) = fault::guarded(run) {
            let doing = format!("running the thread {thread}");
            self.break_with(Fault::Io { doing, error: panic });
        }
    }

    /// Asks for a flush when it is time; holds the writer back if the threads cannot keep up.
    fn make_way(&self, tree: &Tree, batch_bytes: u64) -> Result<(), Fault> {
        let (backlog, runs) = self.behind(tree);
        if backlog == 0 && runs < LEVEL_0_SLOW {
            return Ok(());
        }
        let mut work = hold(&self.work);
        if backlog > 0 && !work.wanted[FLUSHER] {
            work.wanted[FLUSHER] = true;
            self.wanted.notify_all();
        }
        let (backlog, runs) = work.awaited((backlog, runs));
        let late = |at: u64, slow: u64| (at + 1).saturating_sub(slow);
        let steps = late(backlog, BACKLOG_SLOW) + late(runs, LEVEL_0_SLOW);
        let bytes = u32::try_from(batch_bytes * steps).unwrap_or(u32::MAX);
        work.delay = DELAY_MAX.min(work.delay + DELAY_OF_BYTE * bytes);
        if work.delay >= DELAY_MIN {
            let delay = std::mem::take(&mut work.delay);
            let served = self.done.wait_timeout(work, delay);
            work = served.unwrap_or_else(PoisonError::into_inner).0;
        }
        loop {
            if let Some(fault) = &work.broken {
                return Err(fault.clone());
            }
            let (backlog, runs) = work.awaited(self.behind(tree));
            if backlog < BACKLOG_MAX && runs < LEVEL_0_MAX {
                return Ok(());
            }
            work = self.done.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Memtables' worth of unwritten changes, and runs in level 0.
    fn behind(&self, tree: &Tree) -> (u64, u64) {
        let backlog = tree.active_bytes() / self.options.memtable_bytes;
        (backlog, tree.state().level_0_runs as u64)
    }

    /// Puts everything that is written into files.
    fn flush(&self) -> Result<(), Fault> {
        let tree = self.tree();
        let (_, runs) = self.behind(&tree);
        // One more file that is never merged would be too much.
        let flushed = if runs >= LEVEL_0_MAX && hold(&self.work).merges_lack_room() {
            Err(Fault::Full { doing: "merging files".to_string() })
        } else {
            tree.flush()
        };
        match flushed {
            Err(fault @ Fault::Full { .. }) => {
                self.found_room(FLUSHER, false);
                Err(fault)
            }
            Err(fault) => Err(self.break_with(fault)),
            Ok(()) => {
                self.found_room(FLUSHER, true);
                self.has_flushed();
                Ok(())
            }
        }
    }

    /// What the thread in that place had to do is done as far as there was room for it on the disk.
    fn found_room(&self, place: usize, found: bool) {
        let runs = self.tree().state().level_0_runs as u64;
        // Held, as a writer that has just seen how far behind we are is waiting by now.
        let mut work = hold(&self.work);
        work.no_room[place] = !found;
        self.merging.leisure.set(work.is_leisurely(runs));
        if !found {
            work.wanted[place] = true;
            self.wanted.notify_all();
        }
        drop(work);
        self.done.notify_all();
    }

    fn has_flushed(&self) {
        hold(&self.work).wanted[FLUSHER + 1..].fill(true);
        self.wanted.notify_all();
        self.done.notify_all();
    }

    /// Waits until there is something to do for the thread in that place; `false` when there never
    /// will be. A thread that found no room looks again after a while. Compactors free meanwhile
    /// what views let go of.
    fn awaits(&self, place: usize) -> bool {
        let mut work = hold(&self.work);
        let look_at = work.no_room[place].then(|| Instant::now() + LOOK_EVERY);
        let mut are_held = place > FLUSHER;
        loop {
            if self.merging.stop.is_stopped() || work.broken.is_some() {
                return false;
            }
            let now = Instant::now();
            if look_at.map_or(work.wanted[place], |at| at <= now) {
                work.wanted[place] = false;
                return true;
            }
            let free_at = are_held.then_some(now + FREE_EVERY);
            work = match look_at.into_iter().chain(free_at).min() {
                Some(at) => {
                    let waited = self.wanted.wait_timeout(work, at - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wanted.wait(work).unwrap_or_else(PoisonError::into_inner),
            };
            if are_held {
                drop(work);
                are_held = self.tree().free_former();
                work = hold(&self.work);
            }
        }
    }

    fn flush_forever(&self) {
        while self.awaits(FLUSHER) {
            // Whoever writes next hears of a fault.
            drop(self.flush());
        }
    }

    fn compact_forever(&self, place: usize) {
        while self.awaits(place) {
            loop {
                match self.tree().compact() {
                    Ok(Merged::Some) => self.found_room(place, true),
                    Ok(Merged::Nothing) => {
                        self.found_room(place, true);
                        break;
                    }
                    Ok(Merged::NoRoom) => {
                        self.found_room(place, false);
                        break;
                    }
                    Err(_) if self.merging.stop.is_stopped() => return,
                    Err(fault) => {
                        self.break_with(fault);
                        return;
                    }
                }
            }
        }
    }
}

impl Work {
    fn merges_lack_room(&self) -> bool {
        self.no_room[FLUSHER + 1..].contains(&true)
    }

    /// Whether it matters that there is no room.
    fn is_cramped(&self, runs: u64) -> bool {
        self.no_room[FLUSHER] || self.merges_lack_room() && runs >= LEVEL_0_SLOW
    }

    /// Whether merges may take their time: as long as there is little to merge, and nobody is in
    /// want of the room that they make.
    fn is_leisurely(&self, runs: u64) -> bool {
        runs <= LEVEL_0_LEISURELY && !self.no_room.contains(&true)
    }

    /// What the writer may wait for of the backlog and the runs in level 0: threads without room
    /// will not get on, so that what is written is kept in memory.
    fn awaited(&self, (backlog, runs): (u64, u64)) -> (u64, u64) {
        let backlog = if self.no_room[FLUSHER] { 0 } else { backlog };
        (backlog, if self.merges_lack_room() { 0 } else { runs })
    }
}

fn compactors() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    (processors / 2).clamp(1, COMPACTORS_MAX)
}

/// Lowers the priority of the calling thread.
fn give_way(nice: i32) {
    // Elsewhere it would be that of the process.
    #[cfg(target_os = "linux")]
    {
        // A kernel that refuses runs it as before.
        let _ = rustix::process::nice(nice);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
}

#[cfg(test)]
mod tests;
