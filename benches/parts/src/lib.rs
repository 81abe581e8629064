//! What each part costs by itself, and what its library costs without us.
//!
//! `cargo bench --package etcdd-parts-bench` measures every part that is compiled in, by its
//! contract: engines write, read and scan what a member would; logs append and sync; transports
//! carry frames and snapshots; consensus orders proposals, alone and among three. Beside a part
//! stands the library that it is made of, under the same records: `write/fjall` and `write/fjall,
//! raw`. What our part adds to it is the ratio of the two; `benches/PARTS.md` has them all.
//!
//! # Where to start
//!
//! `benches/`, a file for each contract. Here is what they share: the [records](Records) and the
//! [libraries](raw) as they are.

pub mod raw;
mod records;

pub use records::{KEYS, PAGE, Records, key};
