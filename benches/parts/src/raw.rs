//! Libraries without us: what a part is asked by its contract, asked of what it is made of.

mod consensus;
mod engines;
mod logs;
mod lsm;
mod ways;

pub use consensus::Group;
pub use engines::{Put, Raw, open};
pub use logs::{RawLog, open_log};
pub use ways::{Heard, Way, connect, serve, thread};
