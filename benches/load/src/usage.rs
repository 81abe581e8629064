//! What processes use, as the kernel counts it.

use std::fs;
use std::io;
use std::ops::Sub;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{major, minor, syncfs};
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::time::{ClockId, clock_gettime};

/// What some processes have used together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// CPU time since they were started, in user and in kernel mode.
    pub cpu_seconds: f64,
    /// Memory that is theirs and in RAM now, files that are mapped into it included.
    pub resident_bytes: u64,
    /// Of it, what no file backs.
    pub anonymous_bytes: u64,
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
            let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}"));
            let ticks = cpu_ticks(&read("stat")?);
            sum.cpu_seconds += ticks as f64 / clock_ticks_per_second() as f64;
            let statm = read("statm")?;
            let (resident, of_files) = (word(&statm, 1), word(&statm, 2));
            sum.resident_bytes += resident * page_size() as u64;
            sum.anonymous_bytes += resident.saturating_sub(of_files) * page_size() as u64;
        }
        Ok(sum)
    }
}

impl Sub for Usage {
    type Output = Self;

    /// What was used from then to now. Memory is not used up: it is what it is now.
    fn sub(self, then: Self) -> Self {
        Self { cpu_seconds: self.cpu_seconds - then.cpu_seconds, ..self }
    }
}

/// CPU time of this process, exactly.
pub(crate) fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("time has only been added up since the start")
}

/// What the disk that holds a folder has written since it was there, everything that waited for it
/// included; `None` where the kernel does not tell. What a process causes to be written
/// (`/proc/…/io`) is no measure: a byte may dirty a folio of many pages, of which one is written.
///
/// # Errors
///
/// When the folder is not there.
pub(crate) fn disk_written(dir: &Path) -> io::Result<Option<u64>> {
    use std::os::unix::fs::MetadataExt;
    let folder = fs::File::open(dir)?;
    syncfs(&folder)?;
    let device = folder.metadata()?.dev();
    let stat = format!("/sys/dev/block/{}:{}/stat", major(device), minor(device));
    // Sectors are of 512 bytes, whatever the disk's are.
    Ok(fs::read_to_string(stat).ok().map(|stat| word(&stat, 6) * 512))
}

/// What the files below a folder take on the disk.
///
/// # Errors
///
/// When a folder cannot be listed.
pub(crate) fn bytes_below(dir: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut sum = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // A running server removes files.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // Blocks are of 512 bytes, whatever the file system's are.
        sum += metadata.blocks() * 512;
        if metadata.is_dir() {
            sum += bytes_below(&entry.path())?;
        }
    }
    Ok(sum)
}

/// User and system time. The name of the program comes before them, in parentheses, and may hold
/// anything, even spaces and parentheses.
fn cpu_ticks(stat: &str) -> u64 {
    let (_, rest) = stat.rsplit_once(") ").expect("proc(5): the name is in parentheses");
    word(rest, 11) + word(rest, 12)
}

fn word(text: &str, position: usize) -> u64 {
    let word = text.split_whitespace().nth(position).expect("proc(5) names the fields");
    word.parse().expect("proc(5): the field is a number")
}

#[cfg(test)]
mod tests;
