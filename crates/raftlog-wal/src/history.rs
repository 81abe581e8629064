//! What the records of a log add up to.

#[cfg(test)]
mod tests;

use raftlog::Marker;
use units::{HardState, Index, Position, Term};

use crate::contents::Contents;
use crate::replay::Item;

/// The log that the items describe, and the marker to start from: the newest that is not above the
/// commit index. An error says what is missing.
///
/// What comes before the marker is kept as far as it is connected, since it can still be read;
/// where it is not, the log begins later. What comes after the marker must be there.
pub(crate) fn assemble(
    items: &[Item],
    hard_state: HardState,
) -> Result<(Contents, Marker), String> {
    let counts = |marker: &Marker| marker.position.index <= hard_state.commit;
    let markers = items.iter().filter_map(|item| match item {
        Item::Marker(marker) => Some(&**marker),
        Item::Entry(..) => None,
    });
    let Some(marker) =
        markers.filter(|marker| counts(marker)).max_by_key(|marker| marker.position.index)
    else {
        return Err("no marker to start from is left: segments are missing".to_owned());
    };
    let mut contents = Contents::empty(Position::default());
    for item in items {
        match item {
            Item::Entry(position, place) => {
                let (first, last) = (contents.first(), contents.last().index);
                if position.index < first || position.index > last.next() {
                    contents = Contents::empty(before(position.index));
                }
                contents.find(*position, *place);
            }
            Item::Marker(marker) if counts(marker) => pass(marker, &mut contents),
            // It came as a snapshot, and a crash came before the commit index.
            Item::Marker(_) => {}
        }
    }
    let Position { term, index } = marker.position;
    if contents.is_empty() || contents.last().index < index {
        contents = Contents::empty(marker.position);
    }
    let (first, last) = (contents.first(), contents.last().index);
    if first > index.next() {
        return Err(format!("entries {} to {} are missing", index.next(), first.previous()));
    }
    if contents.term(index).is_some_and(|held| held != term) {
        return Err(format!("entry {index} is not the one of term {term} that was committed"));
    }
    if hard_state.commit > last {
        let commit = hard_state.commit;
        return Err(format!("the log ends at {last}, but was committed up to {commit}"));
    }
    Ok((contents, marker.clone()))
}

/// A marker that contradicts the log, or is beyond it, came as a snapshot: that log ended there.
/// One before the log's beginning says nothing about it.
fn pass(marker: &Marker, contents: &mut Contents) {
    let Position { term, index } = marker.position;
    let held = contents.term(index) == Some(term);
    if contents.is_empty() || (index >= contents.first() && !held) {
        *contents = Contents::empty(marker.position);
    }
}

/// The term of an entry that is not there is not known, and nobody asks for it.
fn before(index: Index) -> Position {
    Position { term: Term(0), index: index.previous() }
}
