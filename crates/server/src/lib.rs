//! A member put together from a configuration.
mod config;
mod log;
pub use config::Config;
