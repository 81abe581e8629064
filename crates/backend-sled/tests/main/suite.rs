//! The contract's suite, with so little memory that pages are read again. `crashes.rs`
//! kills a process.

use crate::open_small;

backend::suite!(home::testing::Subject::new(open_small));
