//! How Go reads and writes values, which is what etcd's command line shows.

mod duration;
mod number;
mod quote;

#[cfg(test)]
mod tests;

pub use self::duration::{format_duration, parse_duration};
pub use self::number::{Base, format_size, hex16, parse_bool, parse_int, parse_uint};
pub use self::quote::{quote, quote_each, unquote};
