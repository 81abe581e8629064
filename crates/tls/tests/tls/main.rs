//! Handshakes, over pipes in memory.

mod handshakes;
mod pair;
