//! The engine against the contract's suite and against crashes of a real process.

mod crashes;
mod directories;
#[cfg(target_os = "linux")]
mod full_disks;
mod suite;
