//! The contract's suite, with so little memory that pages are written all the time.
//! `engine/tests.rs` runs it on a disk whose power fails.

use crate::open_small;

backend::suite!(home::testing::Subject::new(open_small));
