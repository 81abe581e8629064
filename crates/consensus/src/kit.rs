//! What a part needs that has a log, whatever it does with it: bookkeeping without a decision.
//!
//! The log's terms and newest entries in memory ([`Log`]), what of it is durable ([`Writes`]), what
//! of it the state machine has ([`Applying`]), and which of its entries change who takes part
//! ([`Unapplied`]); and whether a message can be one at all ([`is_plausible`]).

mod applying;
mod log;
mod plausible;
mod random;
mod start;
mod unapplied;
mod writes;

pub use applying::Applying;
pub use log::{Log, fitting, weight};
pub use plausible::{is_plausible, is_sound};
pub use random::Random;
pub use start::first_state;
pub use unapplied::Unapplied;
pub use writes::Writes;
