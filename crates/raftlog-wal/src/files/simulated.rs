//! A disk that a seed decides about.

mod node;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{File, Files};
use node::{Change, Content, Directory, Node, Random, Sector};

const ROOT: u64 = 0;

/// Files and directories in memory, with a page cache that a crash takes away. Clones are handles
/// of the same disk.
///
/// Writes, lengths and names are durable once their file or directory is synced. A crash keeps or
/// loses each sector, each length and each change of names that is not synced, as the seed decides,
/// and independently: so a file can keep its new length and lose its content, or lose its name and
/// keep both. The same seed and the same calls give the same disk.
#[derive(Clone)]
pub struct SimulatedDisk(Arc<Mutex<Disk>>);

/// What a program asks of a disk, for [`SimulatedDisk::fail_next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Reading a file or a directory.
    Read,
    /// Writing, cutting or allocating.
    Write,
    /// Making, renaming or removing.
    Name,
    /// Syncing a file or a directory.
    Sync,
}

/// What befell a disk so far, of what cannot be seen from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Befallen {
    /// Files that were cut, and that a crash showed as long as before.
    pub cuts_undone: u64,
    /// Lengths of grown files that a crash took back.
    pub lengths_lost: u64,
    /// Writes that went elsewhere.
    pub misdirected: u64,
    /// Changes of names that a crash took back.
    pub names_lost: u64,
    /// Those that a crash took back though it kept a later one in the same directory.
    pub names_reordered: u64,
    /// Failed syncs that dropped what they should have written.
    pub pages_dropped: u64,
    /// Files of whose unsynced sectors a crash took all.
    pub writes_lost: u64,
    /// Writes that failed after a part.
    pub writes_short: u64,
    /// Files of whose unsynced sectors a crash took some.
    pub writes_torn: u64,
}

#[derive(Clone)]
struct Disk {
    random: Random,
    nodes: BTreeMap<u64, Node>,
    next_node: u64,
    next_handle: u64,
    /// Grows with each crash; handles of an earlier one are dead.
    boot: u64,
    /// Calls that change something, so far.
    changes: u64,
    /// The power fails at this one, if it comes to that.
    power_off: Option<u64>,
    failing: Option<Call>,
    /// Whether a sector of the next write goes elsewhere.
    misdirects: bool,
    capacity: u64,
    /// Whether anybody who uses it was told that it cannot.
    has_failed: bool,
    befallen: Befallen,
}

struct Handle {
    disk: SimulatedDisk,
    node: u64,
    handle: u64,
    boot: u64,
}

impl SimulatedDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Disk {
            random: Random(seed),
            nodes: BTreeMap::from([(ROOT, Node::Directory(Directory::default()))]),
            next_node: ROOT + 1,
            next_handle: 0,
            boot: 0,
            changes: 0,
            power_off: None,
            failing: None,
            misdirects: false,
            capacity: u64::MAX,
            has_failed: false,
            befallen: Befallen::default(),
        })))
    }

    /// The power fails and comes back: what was not synced is decided about, open files are dead,
    /// locks are gone.
    pub fn crash(&self) {
        self.disk().crash();
    }

    /// The programs that use the disk die, and the power stays: what was not synced is still there,
    /// and still not synced.
    pub fn kill(&self) {
        self.disk().end_programs();
    }

    /// How many calls so far changed something or synced.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.disk().changes
    }

    /// Of the calls that change something or sync, so many more succeed. The one after them may
    /// happen or not, and is answered by an error, as are all that follow, until [`Self::crash`].
    pub fn power_off_after(&self, changes: u64) {
        let mut disk = self.disk();
        disk.power_off = Some(disk.changes + changes);
    }

    /// The power fails in the middle of the next such call, if it has not by then: whoever still
    /// runs gets nothing done any more.
    pub fn power_fails(&self) {
        let mut disk = self.disk();
        let now = disk.changes;
        disk.power_off = Some(disk.power_off.map_or(now, |last| last.min(now)));
    }

    /// Of the next write to a file one sector goes elsewhere, over one of the same file or another,
    /// and where it should be stays what was there; nobody is told. [`Self::befallen`] says whether
    /// it came to that.
    pub fn misdirect_next(&self) {
        self.disk().misdirects = true;
    }

    /// Whether the write that [`Self::misdirect_next`] spoke of is still to come.
    #[must_use]
    pub fn misdirects(&self) -> bool {
        self.disk().misdirects
    }

    /// Whether those who use it now were told of anything that it could not do.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.disk().has_failed
    }

    /// Whether a byte that rotted, or that a misdirected write spoiled or left out, is still there
    /// as it should not be: not written again, not cut off, in a file that still is.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        let disk = self.disk();
        let mut files = disk.nodes.values().filter_map(Node::file);
        files.any(Content::is_damaged)
    }

    /// Whatever is damaged does not matter any more.
    pub fn forget_damage(&self) {
        self.disk().nodes.values_mut().filter_map(Node::file_mut).for_each(Content::accept);
    }

    /// Another disk that holds what this one would without the damage, and on which nothing fails;
    /// nothing if there is no damage.
    #[must_use]
    pub fn without_damage(&self) -> Option<Self> {
        if !self.is_damaged() {
            return None;
        }
        let mut disk = self.disk().clone();
        disk.nodes.values_mut().filter_map(Node::file_mut).for_each(Content::mend);
        disk.capacity = u64::MAX;
        disk.end_programs();
        Some(Self(Arc::new(Mutex::new(disk))))
    }

    /// What befell it so far.
    #[must_use]
    pub fn befallen(&self) -> Befallen {
        self.disk().befallen
    }

    /// The next call of this kind is answered by an error. A write may have been done in part; a
    /// sync loses some of what it should have kept, and the next one will not notice.
    pub fn fail_next(&self, call: Call) {
        self.disk().failing = Some(call);
    }

    /// The disk is full when the lengths of its files add up to this.
    pub fn set_capacity(&self, bytes: u64) {
        self.disk().capacity = bytes;
    }

    /// Damage that no program did: changes bits of a byte, on the disk and in the cache.
    ///
    /// # Errors
    ///
    /// When there is no such byte.
    pub fn rot(&self, path: &Path, offset: u64, bits: u8) -> io::Result<()> {
        let mut disk = self.disk();
        let node = disk.find(path)?;
        if !disk.content(node)?.rot(offset, bits) {
            return Err(failed(io::ErrorKind::InvalidInput, "no such byte"));
        }
        Ok(())
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, disk: &mut Disk, node: u64) -> io::Result<Box<dyn File>> {
        disk.content(node)?.handles += 1;
        disk.next_handle += 1;
        let (handle, boot) = (disk.next_handle, disk.boot);
        Ok(Box::new(Handle { disk: self.clone(), node, handle, boot }))
    }
}

impl Files for SimulatedDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut disk = self.disk();
        disk.check_read()?;
        let node = disk.find(path)?;
        self.handle(&mut disk, node)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut disk = self.disk();
        let fate = disk.fate(Call::Name)?;
        let (parent, name) = disk.parent(path)?;
        let there = disk.directory(parent)?.names.get(&name).copied();
        let node = match there {
            Some(node) => node,
            None => {
                let node = disk.add(Node::File(Content::default()));
                let added = Some((name, node));
                disk.directory(parent)?.change(Change { removed: None, added });
                node
            }
        };
        disk.content(node)?.set_length(0);
        fate.answer()?;
        self.handle(&mut disk, node)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let fate = disk.fate(Call::Name)?;
        if let Ok(node) = disk.find(path) {
            disk.directory(node)?;
            return fate.answer();
        }
        let (parent, name) = disk.parent(path)?;
        let node = disk.add(Node::Directory(Directory::default()));
        disk.directory(parent)?.change(Change { removed: None, added: Some((name, node)) });
        fate.answer()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut disk = self.disk();
        disk.check_read()?;
        let node = disk.find(path)?;
        Ok(disk.directory(node)?.names.keys().cloned().collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let fate = disk.fate(Call::Name)?;
        let node = disk.find(from)?;
        let ((parent, removed), (parent_to, added)) = (disk.parent(from)?, disk.parent(to)?);
        assert_eq!(parent, parent_to, "a log renames within one directory");
        let replaced = disk.directory(parent)?.names.get(&added).copied();
        if let Some(Node::Directory(replaced)) = replaced.and_then(|node| disk.nodes.get(&node))
            && !replaced.names.is_empty()
        {
            return Err(failed(io::ErrorKind::DirectoryNotEmpty, "the directory is not empty"));
        }
        let change = Change { removed: Some(removed), added: Some((added, node)) };
        disk.directory(parent)?.change(change);
        fate.answer()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let fate = disk.fate(Call::Name)?;
        let node = disk.find(path)?;
        disk.content(node)?;
        let (parent, name) = disk.parent(path)?;
        disk.directory(parent)?.change(Change { removed: Some(name), added: None });
        fate.answer()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let fate = disk.fate(Call::Sync)?;
        let node = disk.find(path)?;
        if fate == Fate::Done || disk.random.coin() {
            disk.directory(node)?.settle();
            disk.sweep();
        }
        fate.answer()
    }

    fn in_background(&self, task: Box<dyn FnOnce() + Send>) {
        task();
    }
}

impl File for Handle {
    fn lock(&self) -> io::Result<bool> {
        self.with(|_, content| {
            let owner = *content.locked_by.get_or_insert(self.handle);
            Ok(owner == self.handle)
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.with(|_, content| Ok(content.len))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.disk().check_read()?;
        self.with(|_, content| Ok(content.read(buffer, offset)))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let fate = self.change(Call::Write, offset + bytes.len() as u64)?;
        let end = offset + bytes.len() as u64;
        let before = self.disk.disk().picks_misdirected(self.node, offset..end);
        let mut is_short = false;
        let answer = self.with(|random, content| {
            let done = match fate {
                Fate::Refused => node::whole_sectors(offset, random.below(bytes.len() as u64 + 1)),
                Fate::Done | Fate::Unknown => bytes.len() as u64,
            };
            is_short = 0 < done && done < bytes.len() as u64;
            let done = usize::try_from(done).expect("not above the length");
            content.write(&bytes[..done], offset, random);
            fate.answer()
        });
        let mut disk = self.disk.disk();
        disk.befallen.writes_short += u64::from(is_short);
        if let Some((sector, before)) = before.filter(|_| fate == Fate::Done) {
            disk.misdirect(self.node, sector, &before);
        }
        answer
    }

    fn set_length(&self, len: u64) -> io::Result<()> {
        let fate = self.change(Call::Write, len)?;
        self.with(|_, content| {
            if fate != Fate::Refused {
                content.set_length(len);
            }
            fate.answer()
        })
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let fate = self.change(Call::Write, len)?;
        self.with(|_, content| {
            if fate != Fate::Refused {
                content.len = content.len.max(len);
            }
            fate.answer()
        })
    }

    fn sync(&self) -> io::Result<()> {
        let fate = self.change(Call::Sync, 0)?;
        let mut dropped = false;
        let answer = self.with(|random, content| {
            match fate {
                Fate::Done => content.settle(|_| true, || true),
                Fate::Unknown => content.settle_some(random),
                Fate::Refused => dropped = content.refuse(random),
            }
            fate.answer()
        });
        self.disk.disk().befallen.pages_dropped += u64::from(dropped);
        answer
    }
}

impl Handle {
    /// Decides what becomes of a change after which the file has at least this length.
    fn change(&self, call: Call, len: u64) -> io::Result<Fate> {
        let mut disk = self.disk.disk();
        disk.check_boot(self.boot)?;
        let grown = len.saturating_sub(disk.content(self.node)?.len);
        if grown > 0 && disk.used() + grown > disk.capacity {
            disk.has_failed = true;
            return Err(failed(io::ErrorKind::StorageFull, "no room"));
        }
        disk.fate(call)
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&mut Random, &mut Content) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut disk = self.disk.disk();
        disk.check_boot(self.boot)?;
        let Disk { nodes, random, .. } = &mut *disk;
        match nodes.get_mut(&self.node) {
            Some(Node::File(content)) => act(random, content),
            _ => Err(failed(io::ErrorKind::NotFound, "no such file")),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut disk = self.disk.disk();
        if disk.boot != self.boot {
            return;
        }
        if let Ok(content) = disk.content(self.node) {
            content.handles -= 1;
            content.locked_by = content.locked_by.filter(|owner| *owner != self.handle);
        }
    }
}

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    /// The power fails meanwhile: perhaps it is done, and nobody hears of it.
    Unknown,
    /// The disk cannot.
    Refused,
}

impl Fate {
    fn answer(self) -> io::Result<()> {
        match self {
            Self::Done => Ok(()),
            Self::Unknown => Err(no_power()),
            Self::Refused => Err(disk_failed()),
        }
    }
}

impl Disk {
    /// Counts a change and decides what becomes of it.
    fn fate(&mut self, call: Call) -> io::Result<Fate> {
        let nth = self.changes;
        self.changes += 1;
        if self.failing != Some(call) && self.power_off.is_none_or(|last| nth < last) {
            return Ok(Fate::Done);
        }
        self.has_failed = true;
        match self.power_off {
            Some(last) if nth > last => return Err(no_power()),
            Some(last) if nth == last => return Ok(Fate::Unknown),
            _ => {}
        }
        self.failing = None;
        match call {
            // A name changes or does not; the others may go wrong halfway.
            Call::Name => Err(disk_failed()),
            Call::Read | Call::Sync | Call::Write => Ok(Fate::Refused),
        }
    }

    fn check_read(&mut self) -> io::Result<()> {
        if self.power_off.is_some_and(|last| self.changes > last) {
            self.has_failed = true;
            return Err(no_power());
        }
        if self.failing == Some(Call::Read) {
            self.failing = None;
            self.has_failed = true;
            return Err(disk_failed());
        }
        Ok(())
    }

    fn check_boot(&self, boot: u64) -> io::Result<()> {
        if self.boot == boot { Ok(()) } else { Err(no_power()) }
    }

    fn crash(&mut self) {
        let Self { nodes, random, befallen, .. } = self;
        for node in nodes.values_mut() {
            match node {
                Node::Directory(directory) => directory.crash(random, befallen),
                Node::File(content) => content.crash(random, befallen),
            }
        }
        self.end_programs();
    }

    /// Which sector of a write is to go elsewhere, and what is there now; one of those that the
    /// write begins with, as zeros written ahead may end it.
    fn picks_misdirected(&mut self, node: u64, written: Range<u64>) -> Option<(u64, Sector)> {
        /// A page.
        const SECTORS: u64 = 8;
        if !self.misdirects || written.is_empty() {
            return None;
        }
        let (first, last) = (node::sector_of(written.start), node::sector_of(written.end - 1));
        let sector = first + self.random.below((last - first + 1).min(SECTORS));
        Some((sector, self.content(node).ok()?.sector(sector)))
    }

    /// What was just written to a sector goes to another one that is in use, if there is one.
    fn misdirect(&mut self, node: u64, sector: u64, before: &Sector) {
        let in_use = self.nodes.iter().flat_map(|(id, node)| {
            let sectors = match node {
                Node::Directory(_) => 0..0,
                Node::File(content) => 0..content.len.div_ceil(node::SECTOR_BYTES),
            };
            sectors.map(move |sector| (*id, sector))
        });
        let others: Vec<(u64, u64)> = in_use.filter(|other| *other != (node, sector)).collect();
        let Ok(content) = self.content(node) else { return };
        let written = content.sector(sector);
        // It must be noticed by what it lacks, or by what it spoils.
        if others.is_empty() || written.shows_as(before) {
            return;
        }
        content.leave_out(sector, before);
        let (other, at) = others[self.random.below(others.len() as u64) as usize];
        if let Ok(content) = self.content(other) {
            content.spoil(at, &written);
        }
        self.misdirects = false;
        self.befallen.misdirected += 1;
    }

    fn end_programs(&mut self) {
        for node in self.nodes.values_mut() {
            if let Node::File(content) = node {
                content.close();
            }
        }
        self.boot += 1;
        self.power_off = None;
        self.failing = None;
        self.has_failed = false;
        self.misdirects = false;
        self.sweep();
    }

    /// Forgets what has neither a name nor somebody who has it open.
    fn sweep(&mut self) {
        let mut named = BTreeSet::from([ROOT]);
        for node in self.nodes.values() {
            if let Node::Directory(directory) = node {
                named.extend(directory.names.values().chain(directory.durable.values()));
                let added = directory.unsynced.iter().filter_map(|change| change.added.as_ref());
                named.extend(added.map(|(_, node)| node));
            }
        }
        self.nodes.retain(|id, node| {
            named.contains(id) || matches!(node, Node::File(content) if content.handles > 0)
        });
    }

    fn used(&self) -> u64 {
        let files = self.nodes.values().filter_map(|node| match node {
            Node::Directory(_) => None,
            Node::File(content) => Some(content.len),
        });
        files.sum()
    }

    fn add(&mut self, node: Node) -> u64 {
        let id = self.next_node;
        self.next_node += 1;
        self.nodes.insert(id, node);
        id
    }

    fn find(&mut self, path: &Path) -> io::Result<u64> {
        let mut node = ROOT;
        for component in path.components() {
            if let Component::Normal(name) = component {
                let names = &self.directory(node)?.names;
                let found = names.get(&*name.to_string_lossy()).copied();
                node = found.ok_or_else(|| failed(io::ErrorKind::NotFound, "no such name"))?;
            }
        }
        Ok(node)
    }

    /// The directory that a path's last name is in, and that name.
    fn parent(&mut self, path: &Path) -> io::Result<(u64, String)> {
        let name = path.file_name();
        let name =
            name.ok_or_else(|| failed(io::ErrorKind::InvalidInput, "a path without a name"))?;
        let parent = self.find(path.parent().unwrap_or(Path::new("")))?;
        Ok((parent, name.to_string_lossy().into_owned()))
    }

    fn directory(&mut self, node: u64) -> io::Result<&mut Directory> {
        match self.nodes.get_mut(&node) {
            Some(Node::Directory(directory)) => Ok(directory),
            _ => Err(failed(io::ErrorKind::NotADirectory, "not a directory")),
        }
    }

    fn content(&mut self, node: u64) -> io::Result<&mut Content> {
        match self.nodes.get_mut(&node) {
            Some(Node::File(content)) => Ok(content),
            _ => Err(failed(io::ErrorKind::IsADirectory, "not a file")),
        }
    }
}

fn failed(kind: io::ErrorKind, what: &'static str) -> io::Error {
    io::Error::new(kind, what)
}

fn disk_failed() -> io::Error {
    io::Error::other("the disk failed")
}

fn no_power() -> io::Error {
    io::Error::other("the power is off")
}

#[cfg(test)]
mod tests;
