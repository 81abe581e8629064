//! The log in `sled`: the suite, and what only this part promises.

mod directories;
mod suite;

use raftlog_sled::{Options, PowerFailure};

const OPTIONS: Options =
    Options { cache_bytes: 1 << 20, power_failure: PowerFailure::MayCostTheLog };
