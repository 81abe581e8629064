//! Tests of the whole, over the engine in memory.

mod crash;
mod encoding;
mod fixture;
mod heads;
mod model;
mod overlay;
mod property;
mod statements;
mod world;
