//! A directory that a part has to itself: whose it is, who uses it, which content in it is the one,
//! and how much of that is durable.
//!
//! ```text
//!   member/fjall/ engine       the marker: whose this is, its format, which content counts
//!                 lock         held for as long as the directory is open
//!                 content-7/   the content; its files are the part's business
//!                   synced     how many batches the last sync covered
//!                 content-8/   on its way to be the next, or left over from a crash
//! ```
//!
//! In come a [`Kind`] and a path; out come a [`Home`], which is locked, and a [`Place`] for each
//! content. An engine whose contents are made, opened and written to is a [`Content`]; [`Engine`]
//! makes a [`Backend`](backend::Backend) of it: one writer, a latch for faults, and replacement by
//! the next content.
//!
//! # Invariants
//!
//! - The marker is there before any content is, so a directory with contents and without a marker
//!   belongs to nobody we know, and nothing in it is touched.
//! - The marker changes by a rename, and only to a content that is complete and durable. So a crash
//!   leaves the old content or the new, and what else there is goes at the next opening.
//! - The names of a directory that had to be made, and of those above it, are durable before
//!   anything that is in it counts.
//! - A [`Tally`] never says more than was synced.
//!
//! # What it does not know
//!
//! What a content's files are, and which parts there are.
//!
//! # Where to start
//!
//! [`Home`], then [`Engine`]. `testing` (feature `testing`) is what parts are tested with.

mod engine;
mod fault;
mod home;
mod place;
mod tally;
#[cfg(feature = "testing")]
pub mod testing;

pub use engine::{Content, Engine, hold};
pub use fault::{Fault, guarded, is_of_content};
pub use home::{Home, Kind};
pub use place::{Place, sync_below, sync_directory};
pub use tally::Tally;
