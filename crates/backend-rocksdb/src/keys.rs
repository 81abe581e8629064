//! What lies where in the tree.

use backend::flat::Flat;

/// Where the number of the last batch lies: before all records.
pub(crate) const COUNT: &[u8] = b"c";
/// Where the records lie.
pub(crate) const FLAT: Flat = Flat::behind(b"r");
