//! What a start does.

use std::sync::Arc;

use bytes::Bytes;
use raftlog::{Fault, Opened};

use crate::directory::Directory;
use crate::history::assemble;
use crate::record::Stop;
use crate::replay::{End, Replay};
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
    let (replay, ends, torn) = read(&segments)?;
    let (last, end) = segments.last_mut().zip(ends.last()).expect("there is one at least");
    let (mut contents, marker) =
        assemble(&replay.items, replay.hard_state).map_err(|what| last.corrupt(*end, what))?;

    let repaired = torn.map(|torn| torn.repair(&directory, last)).transpose()?;
    last.allocate(segment_bytes)?;
    // Who reads on from here relies on it, but a process that died may not have come to its sync.
    last.sync()?;
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

/// All records, the end of each segment, and what was torn off the last.
fn read(segments: &[Segment]) -> Result<(Replay, Vec<usize>, Option<Torn>), Fault> {
    let (mut replay, mut ends, mut torn) = (Replay::default(), Vec::new(), None);
    for (nth, segment) in segments.iter().enumerate() {
        let image = segment.image()?;
        let End { offset, stop } = replay.segment(segment, &image)?;
        ends.push(offset);
        if nth + 1 == segments.len() {
            match torn::examine(&image, offset, &stop, replay.last()) {
                Tail::Clean => {}
                Tail::Damaged(what) => return Err(segment.corrupt(offset, what)),
                Tail::Torn => torn = Some(Torn { image, end: offset }),
            }
        } else if stop != Stop::End {
            let what = match stop {
                Stop::Garbled(what) => what,
                Stop::Cut | Stop::End => "it goes beyond the end of the file",
            };
            return Err(segment.corrupt(offset, what));
        }
    }
    Ok((replay, ends, torn))
}

/// The last segment with an end that a crash interrupted.
struct Torn {
    image: Bytes,
    /// Of what is whole.
    end: usize,
}

impl Torn {
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
