//! What a member is put together from.

use std::sync::Arc;

use server::{Assembly, Parts};

use crate::{count, engine, log};

/// What the parts here are called.
const NAME: &str = "journal";

/// The parts of etcdd that are compiled in, with ours, and the service.
pub fn assembly() -> Assembly {
    let mut parts = Parts::compiled_in();
    parts.engines.offer(NAME, Arc::new(engine::Part));
    parts.logs.offer(NAME, Arc::new(log::Part));
    Assembly::of(parts).serving(count::routes)
}
