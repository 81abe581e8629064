//! Logs: entries that are on the disk when it returns, and nothing that tells what they are.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use rocksdb::{DB, WriteBatch, WriteOptions};

use super::engines::SOUND;

/// What a log is asked by its contract, asked of what it is kept in.
pub trait RawLog {
    /// Appends so many entries, the first of which has this index, and waits for the disk.
    fn append(&mut self, first: u64, len: u64, data: &[u8]);
}

/// What the log with this name is kept in, if it is one of these.
pub fn open_log(log: &str, directory: &Path) -> Option<Box<dyn RawLog>> {
    match log {
        "wal" => Some(Box::new(Plain::create(directory))),
        "rocksdb" => Some(Box::new(Rocksdb::open(directory))),
        "sled" => Some(Box::new(Sled(sled::open(directory).expect(SOUND)))),
        _ => None,
    }
}

/// A file whose blocks are there already, as those of a segment.
struct Plain {
    file: File,
    left: u64,
}

/// Bytes of a file: as many as etcd's segments have.
const SEGMENT_BYTES: u64 = 64 << 20;

impl Plain {
    fn create(directory: &Path) -> Self {
        std::fs::create_dir_all(directory).expect(SOUND);
        let file = File::create(directory.join("file")).expect(SOUND);
        let mut this = Self { file, left: 0 };
        this.begin_anew();
        this
    }

    fn begin_anew(&mut self) {
        rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::empty(), 0, SEGMENT_BYTES)
            .expect(SOUND);
        std::io::Seek::rewind(&mut self.file).expect(SOUND);
        self.left = SEGMENT_BYTES;
    }
}

impl RawLog for Plain {
    fn append(&mut self, _first: u64, len: u64, data: &[u8]) {
        let entries = data.repeat(usize::try_from(len).expect("they are few"));
        if self.left < entries.len() as u64 {
            self.begin_anew();
        }
        self.left -= entries.len() as u64;
        self.file.write_all(&entries).expect(SOUND);
        self.file.sync_data().expect(SOUND);
    }
}

/// One batch for each call, of keys that go up, written with a sync.
struct Rocksdb(DB);

impl Rocksdb {
    fn open(directory: &Path) -> Self {
        Self(DB::open_default(directory.join("rocksdb")).expect(SOUND))
    }
}

impl RawLog for Rocksdb {
    fn append(&mut self, first: u64, len: u64, data: &[u8]) {
        let mut batch = WriteBatch::default();
        for index in first..first + len {
            batch.put(index.to_be_bytes(), data);
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.0.write_opt(batch, &options).expect(SOUND);
    }
}

/// One batch for each call, of keys that go up.
struct Sled(sled::Db);

impl RawLog for Sled {
    fn append(&mut self, first: u64, len: u64, data: &[u8]) {
        let mut batch = sled::Batch::default();
        for index in first..first + len {
            batch.insert(&index.to_be_bytes(), data);
        }
        self.0.apply_batch(batch).expect(SOUND);
        self.0.flush().expect(SOUND);
    }
}
