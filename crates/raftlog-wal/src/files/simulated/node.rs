//! What is on a simulated disk and in its cache, and what a crash makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use super::Befallen;

/// What a disk writes at once.
pub(super) const SECTOR_BYTES: u64 = 512;

/// What a file system writes at once, mostly.
const PAGE_SECTORS: u64 = 8;

type Bytes = [u8; SECTOR_BYTES as usize];

const ZEROS: Bytes = [0; SECTOR_BYTES as usize];

/// A sector.
#[derive(Clone)]
pub(super) struct Sector {
    /// What it is.
    shown: Bytes,
    /// What it would be if nothing had been damaged; nothing if it is that.
    meant: Option<Box<Bytes>>,
}

#[derive(Clone)]
pub(super) enum Node {
    Directory(Directory),
    File(Content),
}

impl Node {
    pub(super) fn file(&self) -> Option<&Content> {
        match self {
            Self::Directory(_) => None,
            Self::File(content) => Some(content),
        }
    }

    pub(super) fn file_mut(&mut self) -> Option<&mut Content> {
        match self {
            Self::Directory(_) => None,
            Self::File(content) => Some(content),
        }
    }
}

#[derive(Clone, Default)]
pub(super) struct Directory {
    pub(super) names: BTreeMap<String, u64>,
    pub(super) durable: BTreeMap<String, u64>,
    /// What leads from the durable names to the present ones.
    pub(super) unsynced: Vec<Change>,
}

/// A name loses its node, another gets one, or both at once.
#[derive(Clone)]
pub(super) struct Change {
    pub(super) removed: Option<String>,
    pub(super) added: Option<(String, u64)>,
}

#[derive(Clone, Default)]
pub(super) struct Content {
    pub(super) len: u64,
    durable_len: u64,
    durable: BTreeMap<u64, Sector>,
    /// Written and not synced.
    dirty: BTreeMap<u64, Sector>,
    /// Read as written, but the disk refused them when they were synced: nobody writes them again.
    refused: BTreeMap<u64, Sector>,
    pub(super) locked_by: Option<u64>,
    pub(super) handles: u64,
}

impl Directory {
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.unsynced.push(change);
    }

    pub(super) fn settle(&mut self) {
        self.durable = self.names.clone();
        self.unsynced.clear();
    }

    pub(super) fn crash(&mut self, random: &mut Random, befallen: &mut Befallen) {
        let mut lost = 0;
        for change in self.unsynced.drain(..) {
            if random.coin() {
                change.apply(&mut self.durable);
                befallen.names_reordered += mem::take(&mut lost);
            } else {
                befallen.names_lost += 1;
                lost += 1;
            }
        }
        self.names = self.durable.clone();
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        if let Some(name) = &self.removed {
            names.remove(name);
        }
        if let Some((name, node)) = &self.added {
            names.insert(name.clone(), *node);
        }
    }
}

impl Sector {
    fn zeros() -> Self {
        Self { shown: ZEROS, meant: None }
    }

    fn new(shown: Bytes, meant: Bytes) -> Self {
        Self { shown, meant: (shown != meant).then(|| Box::new(meant)) }
    }

    fn meant(&self) -> &Bytes {
        self.meant.as_deref().unwrap_or(&self.shown)
    }

    /// Whether somebody who reads both takes them for the same.
    pub(super) fn shows_as(&self, other: &Self) -> bool {
        self.shown == other.shown
    }

    /// Bytes are written.
    fn write(&mut self, bytes: &[u8], at: usize) {
        self.shown[at..at + bytes.len()].copy_from_slice(bytes);
        if let Some(mut meant) = self.meant.take() {
            meant[at..at + bytes.len()].copy_from_slice(bytes);
            *self = Self::new(self.shown, *meant);
        }
    }

    /// Bits of a byte change by themselves.
    fn rot(&mut self, bits: u8, at: usize) {
        let (mut shown, meant) = (self.shown, *self.meant());
        shown[at] ^= bits;
        *self = Self::new(shown, meant);
    }
}

impl Content {
    /// Changes bits of a byte wherever it is; whether there is one.
    pub(super) fn rot(&mut self, offset: u64, bits: u8) -> bool {
        if offset >= self.len {
            return false;
        }
        let (sector, within) = (sector_of(offset), within_sector(offset));
        self.durable.entry(sector).or_insert_with(Sector::zeros);
        for layer in self.layers_mut() {
            if let Some(content) = layer.get_mut(&sector) {
                content.rot(bits, within);
            }
        }
        true
    }

    /// Whether a sector is not what it should be, on the disk or in the cache.
    pub(super) fn is_damaged(&self) -> bool {
        let end = self.len.max(self.durable_len).div_ceil(SECTOR_BYTES);
        let layers = [&self.durable, &self.dirty, &self.refused];
        let mut sectors = layers.into_iter().flat_map(|layer| layer.range(..end));
        sectors.any(|(_, content)| content.meant.is_some())
    }

    /// Every sector becomes what it should be.
    pub(super) fn mend(&mut self) {
        for content in self.layers_mut().into_iter().flat_map(BTreeMap::values_mut) {
            *content = Sector { shown: *content.meant(), meant: None };
        }
    }

    /// Every sector should be what it is.
    pub(super) fn accept(&mut self) {
        for content in self.layers_mut().into_iter().flat_map(BTreeMap::values_mut) {
            content.meant = None;
        }
    }

    fn layers_mut(&mut self) -> [&mut BTreeMap<u64, Sector>; 3] {
        [&mut self.durable, &mut self.dirty, &mut self.refused]
    }

    pub(super) fn sector(&self, sector: u64) -> Sector {
        let layers = [&self.dirty, &self.refused, &self.durable];
        let found = layers.into_iter().find_map(|layer| layer.get(&sector));
        found.cloned().unwrap_or_else(Sector::zeros)
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let end = self.len.min(offset + buffer.len() as u64);
        let (mut at, mut done) = (offset, 0);
        while at < end {
            let within = within_sector(at);
            let part = (SECTOR_BYTES - within as u64).min(end - at) as usize;
            let content = self.sector(sector_of(at));
            buffer[done..done + part].copy_from_slice(&content.shown[within..within + part]);
            (at, done) = (at + part as u64, done + part);
        }
        done
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: u64, random: &mut Random) {
        let (mut at, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let (sector, within) = (at / SECTOR_BYTES, within_sector(at));
            let part = (SECTOR_BYTES as usize - within).min(rest.len());
            let mut content = self.sector(sector);
            content.write(&rest[..part], within);
            self.refused.remove(&sector);
            let before = self.dirty.insert(sector, content);
            // A cache writes back when it likes.
            if let Some(before) = before.filter(|_| random.below(4) == 0) {
                self.durable.insert(sector, before);
            }
            (at, rest) = (at + part as u64, &rest[part..]);
        }
        self.len = self.len.max(at);
    }

    /// A sector was not written, but nobody knows: it is what it was.
    pub(super) fn leave_out(&mut self, sector: u64, before: &Sector) {
        let meant = *self.sector(sector).meant();
        self.refused.remove(&sector);
        self.dirty.insert(sector, Sector::new(before.shown, meant));
    }

    /// A sector was written, but should not have been.
    pub(super) fn spoil(&mut self, sector: u64, content: &Sector) {
        let meant = *self.sector(sector).meant();
        for layer in [&mut self.dirty, &mut self.refused] {
            layer.remove(&sector);
        }
        self.durable.insert(sector, Sector::new(content.shown, meant));
    }

    /// What is cut off reads as zeros if the file grows again, but a crash may bring it back.
    pub(super) fn set_length(&mut self, len: u64) {
        let layers = [&self.durable, &self.dirty, &self.refused];
        let cut = len / SECTOR_BYTES;
        let beyond: BTreeSet<u64> =
            layers.iter().flat_map(|layer| layer.range(cut..)).map(|(sector, _)| *sector).collect();
        for sector in beyond.into_iter().filter(|_| len < self.len) {
            let kept = if sector == cut { within_sector(len) } else { 0 };
            let mut content = self.sector(sector);
            content.write(&ZEROS[kept..], kept);
            self.refused.remove(&sector);
            self.dirty.insert(sector, content);
        }
        self.len = len;
    }

    /// Of what is not durable, those sectors become so that are kept, and the length, if it is.
    pub(super) fn settle(
        &mut self,
        mut keep: impl FnMut(u64) -> bool,
        keep_length: impl FnOnce() -> bool,
    ) {
        for (sector, content) in mem::take(&mut self.dirty) {
            if keep(sector) {
                self.durable.insert(sector, content);
            } else {
                self.dirty.insert(sector, content);
            }
        }
        if keep_length() {
            self.durable_len = self.len;
        }
    }

    /// As a crash does: sector by sector, or page by page.
    pub(super) fn settle_some(&mut self, random: &mut Random) {
        let at_once = if random.coin() { 1 } else { PAGE_SECTORS };
        let mut last = None;
        let keep = |sector: u64| match last {
            Some((page, kept)) if page == sector / at_once => kept,
            _ => last.insert((sector / at_once, random.coin())).1,
        };
        self.settle(keep, || false);
        if random.coin() {
            self.durable_len = self.len;
        }
    }

    /// A failed sync: what was not written is not dirty any more, so nobody will write it. Whether
    /// there is such.
    pub(super) fn refuse(&mut self, random: &mut Random) -> bool {
        self.settle_some(random);
        let refused = mem::take(&mut self.dirty);
        let drops = !refused.is_empty();
        self.refused.extend(refused);
        drops
    }

    pub(super) fn crash(&mut self, random: &mut Random, befallen: &mut Befallen) {
        let (unsynced, durable_len) = (self.dirty.len(), self.durable_len);
        self.settle_some(random);
        befallen.writes_lost += u64::from(unsynced > 0 && self.dirty.len() == unsynced);
        befallen.writes_torn += u64::from(!self.dirty.is_empty() && self.dirty.len() < unsynced);
        let keeps_length = self.durable_len == self.len;
        befallen.lengths_lost += u64::from(!keeps_length && durable_len < self.len);
        befallen.cuts_undone += u64::from(!keeps_length && durable_len > self.len);
        self.dirty.clear();
        self.refused.clear();
        self.len = self.durable_len;
        self.durable.retain(|sector, _| sector * SECTOR_BYTES < self.durable_len);
        if let Some(last) = self.durable.get_mut(&(self.len / SECTOR_BYTES)) {
            let kept = within_sector(self.len);
            last.write(&ZEROS[kept..], kept);
        }
    }

    /// Nobody has it open any more.
    pub(super) fn close(&mut self) {
        self.locked_by = None;
        self.handles = 0;
    }
}

/// How much of a write that fails after so many bytes is done: none of a sector in part.
pub(super) fn whole_sectors(offset: u64, bytes: u64) -> u64 {
    let end = offset + bytes;
    (end - end % SECTOR_BYTES).saturating_sub(offset)
}

/// The sector that a byte is in.
pub(super) fn sector_of(offset: u64) -> u64 {
    offset / SECTOR_BYTES
}

fn within_sector(offset: u64) -> usize {
    (offset % SECTOR_BYTES) as usize
}

/// SplitMix64: small, and the same everywhere.
#[derive(Clone)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    pub(super) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}
