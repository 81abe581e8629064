//! A sorted map whose clones share what is equal in them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

use bytes::Bytes;

use crate::{Bounds, Direction};

/// Records of a leaf and children of a branch, before it is split. Copying a node is the price of a
/// change under a view; more than this many make it dear, fewer make the tree deep.
const NODE_MAX: usize = 32;

/// A copy-on-write B-tree. Nodes that another clone shares are copied when they change, and only
/// those on the way from the root.
///
/// # Invariants
///
/// - Keys ascend within a node and from child to child; a child's key is above every key of the
///   child before it, and not above its own, but for the first child: that one also stands for all
///   keys before it, as its elder siblings may have been dropped.
/// - No node but the root is empty. Nodes are split when full and dropped when empty, not merged:
///   what is deleted at random leaves them sparse, which costs memory and nothing else.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    root: Arc<Node>,
    bytes: u64,
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(Vec<(Bytes, Bytes)>),
    Branch(Vec<(Bytes, Arc<Node>)>),
}

impl Default for Tree {
    fn default() -> Self {
        Self { root: Arc::new(Node::Leaf(Vec::new())), bytes: 0 }
    }
}

impl Tree {
    /// Bytes of all keys and values.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Bytes> {
        let mut node = &self.root;
        loop {
            match &**node {
                Node::Leaf(records) => {
                    let at = records.binary_search_by(|(have, _)| (**have).cmp(key)).ok()?;
                    return Some(records[at].1.clone());
                }
                Node::Branch(children) => node = &children[child_at(children, key)].1,
            }
        }
    }

    pub(super) fn insert(&mut self, key: Bytes, value: Bytes) {
        self.bytes += size(&key, &value);
        let (former, right) = Arc::make_mut(&mut self.root).insert(key, value);
        self.bytes -= former;
        if let Some((first, right)) = right {
            let left = (Bytes::new(), self.root.clone());
            self.root = Arc::new(Node::Branch(alloc::vec![left, (first, right)]));
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        self.bytes -= Arc::make_mut(&mut self.root).remove(key);
        self.shorten();
    }

    /// Removes `start <= key < end`; without an end, all from `start` on.
    pub(super) fn remove_range(&mut self, start: &[u8], end: Option<&[u8]>) {
        self.bytes -= Arc::make_mut(&mut self.root).remove_range(start, end);
        self.shorten();
    }

    /// Shows the records within the bounds until the visitor answers `false`.
    pub(super) fn visit(
        &self,
        bounds: Bounds<'_>,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) {
        self.root.visit(bounds, direction, visit);
    }

    /// Drops levels that have become needless.
    fn shorten(&mut self) {
        while let Node::Branch(children) = &*self.root {
            let only = match children.as_slice() {
                [] => Arc::new(Node::Leaf(Vec::new())),
                [(_, only)] => only.clone(),
                _ => return,
            };
            self.root = only;
        }
    }
}

impl Node {
    /// Answers with the bytes that the key took before, and with the right half if it had to split.
    fn insert(&mut self, key: Bytes, value: Bytes) -> (u64, Option<(Bytes, Arc<Self>)>) {
        match self {
            Self::Leaf(records) => {
                match records.binary_search_by(|(have, _)| have.cmp(&key)) {
                    Ok(at) => {
                        let former = size(&key, &records[at].1);
                        records[at].1 = value;
                        return (former, None);
                    }
                    Err(at) => records.insert(at, (key, value)),
                }
                if records.len() <= NODE_MAX {
                    return (0, None);
                }
                let right = records.split_off(records.len() / 2);
                (0, Some((right[0].0.clone(), Arc::new(Self::Leaf(right)))))
            }
            Self::Branch(children) => {
                let at = child_at(children, &key);
                let (former, split) = Arc::make_mut(&mut children[at].1).insert(key, value);
                if let Some(right) = split {
                    children.insert(at + 1, right);
                }
                if children.len() <= NODE_MAX {
                    return (former, None);
                }
                let right = children.split_off(children.len() / 2);
                (former, Some((right[0].0.clone(), Arc::new(Self::Branch(right)))))
            }
        }
    }

    /// Answers with the bytes that went.
    fn remove(&mut self, key: &[u8]) -> u64 {
        match self {
            Self::Leaf(records) => match records.binary_search_by(|(have, _)| (**have).cmp(key)) {
                Ok(at) => {
                    let (key, value) = records.remove(at);
                    size(&key, &value)
                }
                Err(_) => 0,
            },
            Self::Branch(children) => {
                let at = child_at(children, key);
                let gone = Arc::make_mut(&mut children[at].1).remove(key);
                if children[at].1.is_empty() {
                    children.remove(at);
                }
                gone
            }
        }
    }

    /// Answers with the bytes that went.
    fn remove_range(&mut self, start: &[u8], end: Option<&[u8]>) -> u64 {
        let behind = |key: &[u8]| end.is_some_and(|end| key >= end);
        let mut gone = 0;
        match self {
            Self::Leaf(records) => records.retain(|(key, value)| {
                let stays = &**key < start || behind(key);
                gone += if stays { 0 } else { size(key, value) };
                stays
            }),
            Self::Branch(children) if !children.is_empty() => {
                let first = child_at(children, start);
                for (at, (key, child)) in children.iter_mut().enumerate().skip(first) {
                    if at > first && behind(key) {
                        break;
                    }
                    gone += Arc::make_mut(child).remove_range(start, end);
                }
                children.retain(|(_, child)| !child.is_empty());
            }
            Self::Branch(_) => {}
        }
        gone
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Leaf(records) => records.is_empty(),
            Self::Branch(children) => children.is_empty(),
        }
    }

    /// `false` if the visitor has had enough, or what follows is out of bounds.
    fn visit(
        &self,
        bounds: Bounds<'_>,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> bool {
        match self {
            Self::Leaf(records) => {
                let first = records.partition_point(|(key, _)| is_below(key, bounds.0));
                let last = records.partition_point(|(key, _)| !is_above(key, bounds.1));
                let within = if first < last { &records[first..last] } else { &[] };
                let mut show = |(key, value): &(Bytes, Bytes)| visit(key, value);
                match direction {
                    Direction::Ascending => within.iter().all(&mut show),
                    Direction::Descending => within.iter().rev().all(&mut show),
                }
            }
            Self::Branch(children) => {
                let first = match bounds.0 {
                    Bound::Included(key) | Bound::Excluded(key) => child_at(children, key),
                    Bound::Unbounded => 0,
                };
                let last = children.partition_point(|(key, _)| !is_above(key, bounds.1)).max(1);
                let within = if first < last { &children[first..last] } else { &[] };
                let mut show =
                    |(_, child): &(Bytes, Arc<Self>)| child.visit(bounds, direction, visit);
                match direction {
                    Direction::Ascending => within.iter().all(&mut show),
                    Direction::Descending => within.iter().rev().all(&mut show),
                }
            }
        }
    }
}

/// The child that would hold the key. The first one also stands for all keys before it.
fn child_at(children: &[(Bytes, Arc<Node>)], key: &[u8]) -> usize {
    children.partition_point(|(first, _)| **first <= *key).saturating_sub(1)
}

fn is_below(key: &[u8], low: Bound<&[u8]>) -> bool {
    match low {
        Bound::Included(low) => key < low,
        Bound::Excluded(low) => key <= low,
        Bound::Unbounded => false,
    }
}

fn is_above(key: &[u8], high: Bound<&[u8]>) -> bool {
    match high {
        Bound::Included(high) => key > high,
        Bound::Excluded(high) => key >= high,
        Bound::Unbounded => false,
    }
}

fn size(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}
