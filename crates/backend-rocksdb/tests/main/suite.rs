//! The contract's suite, over limits so small that files are written and merged all the time.
//! `crashes.rs` kills a process.

use crate::open_small;

backend::suite!(home::testing::Subject::new(open_small));
