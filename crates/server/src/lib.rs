//! A member put together from a configuration.
mod ask;
mod bootstrap;
mod config;
mod data_dir;
mod error;
mod listen;
mod log;
pub use config::Config;
pub use error::Error;
