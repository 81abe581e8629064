//! Members in containers: cut off, paused, killed, restarted and replaced, while clients on the
//! host write to them; and the compose file that an operator would begin with.
//!
//! `cargo xtask integration` runs it, as it needs a Docker engine with the image in it. Without one
//! it fails.

mod cluster;
mod compose;
mod docker;
mod faults;
