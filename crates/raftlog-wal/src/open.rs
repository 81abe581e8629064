//! What a start does.

use std::sync::Arc;

use bytes::Bytes;
use raftlog::{Fault, Opened};
use units::planted;

use crate::directory::Directory;
use crate::history::assemble;
use crate::record::Stop;
use crate::replay::{self, Replay};
use crate::segment::{Name, Segment};
use crate::torn::{self, Tail};
use crate::wal::Wal;

/// Locks, reads and checks everything; only when all is well it changes anything.
pub(crate) fn open(directory: Directory, segment_bytes: u64) -> Result<Opened, Fault> {
    let names = directory.segments()?;
    let (stale, names) = names.split_at(beginning(&names));
    if names.is_empty() {
        return Err(directory.foreign("there are no segments"));
    }
    let mut segments = lock(&directory, names)?;
    let (replay, ends, tail) = read(&segments)?;
    let last = segments.last_mut().expect("there is one at least");
    let (mut contents, marker) =
        assemble(&replay.items, replay.hard_state).map_err(|what| last.corrupt(tail.end, what))?;

    let repaired = tail.is_torn.then(|| tail.repair(&directory, last)).transpose()?;
    last.allocate(segment_bytes)?;
    tail.settle(last)?;
    remove_leftovers(&directory, stale)?;
    directory.sync()?;
    directory.sync_parent()?;

    for (segment, end) in segments.into_iter().zip(ends) {
        contents.push_segment(Arc::new(segment), end as u64);
    }
    let mut wal = Wal::opened(directory, segment_bytes, replay, contents, marker);
    wal.remove_trimmed()?;
    Ok(wal.shown(repaired))
}

/// How many segments are before the last gap in the sequence: an install or a trim has left them,
/// and their removal did not survive.
fn beginning(names: &[Name]) -> usize {
    let gap = |two: &[Name]| two[0].sequence + 1 != two[1].sequence;
    names.windows(2).rposition(gap).map_or(0, |nth| nth + 1)
}

fn lock(directory: &Directory, names: &[Name]) -> Result<Vec<Segment>, Fault> {
    let mut segments = Vec::new();
    for name in names {
        let segment = directory.open(*name)?;
        segment.lock()?;
        segments.push(segment);
    }
    Ok(segments)
}

/// All records, the end of each segment, and the end of the last.
fn read(segments: &[Segment]) -> Result<(Replay, Vec<usize>, End), Fault> {
    let (mut replay, mut ends) = (Replay::default(), Vec::new());
    let (last, others) = segments.split_last().expect("there is one at least");
    for segment in others {
        let image = segment.image()?;
        let replay::End { offset, stop, .. } = replay.segment(segment, &image)?;
        ends.push(offset);
        if stop != Stop::End {
            let what = match stop {
                Stop::Garbled(what) => what,
                Stop::Cut | Stop::End => "it goes beyond the end of the file",
            };
            return Err(segment.corrupt(offset, what));
        }
    }
    let image = last.image()?;
    let replay::End { offset: end, stop, synced } = replay.segment(last, &image)?;
    ends.push(end);
    let is_torn = match torn::examine(&image, end, &stop, replay.last()) {
        Tail::Clean => false,
        Tail::Damaged(what) => return Err(last.corrupt(end, what)),
        Tail::Torn => true,
    };
    Ok((replay, ends, End { image, end, synced, is_torn }))
}

/// The end of the last segment.
struct End {
    image: Bytes,
    /// Of what is whole.
    end: usize,
    /// Of what was certainly synced.
    synced: usize,
    /// Whether a crash interrupted what stands behind it.
    is_torn: bool,
}

impl End {
    /// Makes durable what is whole. Who reads on from here relies on it, but a process that died
    /// may not have come to its sync; or that had failed: then the cache still shows what the disk
    /// does not hold and will not get, unless it is written again.
    fn settle(&self, segment: &Segment) -> Result<(), Fault> {
        if !planted!(UnsettledStart) {
            segment.write(&self.image[self.synced..self.end], self.synced as u64)?;
        }
        segment.sync()
    }

    /// Keeps a copy beside the segment, as etcd does, if there is room for it, and cuts the end
    /// off. Says so.
    fn repair(&self, directory: &Directory, segment: &Segment) -> Result<String, Fault> {
        let written = self.image.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let broken = format!("{}.broken", segment.name);
        let copy = directory.create(&broken)?;
        let copy = Segment::new(segment.name, directory.path().join(&broken), copy);
        let copied = copy.write_copy(&self.image[..written])?;
        if !copied {
            directory.remove(&broken)?;
        }
        directory.sync()?;
        segment.set_length(self.end as u64)?;
        segment.sync()?;
        let (name, end, lost) = (segment.name, self.end, written.saturating_sub(self.end));
        let copy = if copied {
            format!("a copy is in {broken}")
        } else {
            "there was no room for a copy".to_string()
        };
        Ok(format!(
            "{name} ended in a write that a crash had interrupted: cut off its last {lost} bytes, \
             from offset {end} on, which nobody was told of; {copy}"
        ))
    }
}

fn remove_leftovers(directory: &Directory, stale: &[Name]) -> Result<(), Fault> {
    for name in stale {
        directory.remove(&name.to_string())?;
    }
    for name in directory.names()?.unwrap_or_default() {
        if name.ends_with(".tmp") {
            directory.remove(&name)?;
        }
    }
    Ok(())
}
