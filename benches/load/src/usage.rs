//! What processes use, as the kernel counts it.

use std::fs;
use std::io;
use std::ops::Sub;

use rustix::param::{clock_ticks_per_second, page_size};

/// What some processes have used together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// CPU time since they were started, in user and in kernel mode.
    pub cpu_seconds: f64,
    /// Memory that is theirs and in RAM now.
    pub resident_bytes: u64,
}

impl Usage {
    /// Of these processes, now.
    ///
    /// # Errors
    ///
    /// When one of them is gone.
    pub fn of(pids: &[u32]) -> io::Result<Self> {
        let mut sum = Self::default();
        for pid in pids {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            let statm = fs::read_to_string(format!("/proc/{pid}/statm"))?;
            sum.cpu_seconds += cpu_ticks(&stat) as f64 / clock_ticks_per_second() as f64;
            sum.resident_bytes += field(&statm, 1) * page_size() as u64;
        }
        Ok(sum)
    }

    /// Of this process, now.
    ///
    /// # Errors
    ///
    /// When `/proc` is not there.
    pub fn own() -> io::Result<Self> {
        Self::of(&[std::process::id()])
    }
}

impl Sub for Usage {
    type Output = f64;

    /// The CPU seconds from then to now.
    fn sub(self, then: Self) -> f64 {
        self.cpu_seconds - then.cpu_seconds
    }
}

/// User and system time. The name of the program comes before them, in parentheses, and may hold
/// anything, even spaces and parentheses.
fn cpu_ticks(stat: &str) -> u64 {
    let (_, rest) = stat.rsplit_once(") ").expect("proc(5): the name is in parentheses");
    field(rest, 11) + field(rest, 12)
}

fn field(text: &str, position: usize) -> u64 {
    let word = text.split_whitespace().nth(position).expect("proc(5) names the fields");
    word.parse().expect("proc(5): the field is a number")
}

#[cfg(test)]
mod tests;
