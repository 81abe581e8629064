use std::io::ErrorKind;

use super::*;

/// A file in memory, whose bytes a test may change.
#[derive(Clone, Debug, Default)]
struct Memory(std::sync::Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().expect("nobody panics with it")
    }

    fn open(&self) -> io::Result<Pages> {
        Pages::over(Box::new(self.clone()))
    }
}

impl Medium for Memory {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(offset).expect("it is small");
        let bytes = self.bytes();
        let found = bytes.get(at..at + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let at = usize::try_from(offset).expect("it is small");
        self.bytes()[at..at + data.len()].copy_from_slice(data);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.bytes().resize(usize::try_from(len).expect("it is small"), 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Five pages, of which 2 to 4 are written.
fn filled() -> Memory {
    let memory = Memory::default();
    let pages = memory.open().expect("nothing is read");
    assert_eq!(pages.len().expect("it is known"), 0);
    pages.set_len(5 * PAGE_BYTES as u64).expect("there is room");
    pages.write(0, b"first").expect("there is room");
    pages.write(2 * PAGE_BYTES as u64, &[7; 3 * PAGE_BYTES]).expect("there is room");
    pages.sync_data().expect("it is synced");
    memory
}

fn header(pages: &Pages) -> [u8; 5] {
    let mut out = [0; 5];
    pages.read(0, &mut out).expect("it is in memory");
    out
}

#[test]
fn what_is_written_is_read() {
    let pages = filled().open().expect("it is whole");
    assert_eq!(pages.len().expect("it is known"), 5 * PAGE_BYTES as u64);
    assert_eq!(header(&pages), *b"first");
    let mut out = vec![0; 2 * PAGE_BYTES];
    pages.read(3 * PAGE_BYTES as u64, &mut out).expect("it is whole");
    assert!(out.iter().all(|byte| *byte == 7));
}

#[test]
fn every_byte_of_a_page_counts() {
    let page = usize::try_from(place(3)).expect("it is small");
    for at in [0, 1, PAGE_BYTES / 2, PAGE_BYTES - 1, PAGE_BYTES, FRAME_BYTES - 1] {
        let memory = filled();
        memory.bytes()[page + at] ^= 1;
        let pages = memory.open().expect("the header is whole");
        let mut out = vec![0; PAGE_BYTES];
        let error = pages.read(3 * PAGE_BYTES as u64, &mut out).expect_err("it is damaged");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        pages.read(2 * PAGE_BYTES as u64, &mut out).expect("the one before is whole");
    }
}

#[test]
fn a_page_in_the_place_of_another_is_damage() {
    let memory = filled();
    let (from, to) = (place(2), place(3));
    let mut frame = vec![0; FRAME_BYTES];
    memory.read(from, &mut frame).expect("it is there");
    memory.write(to, &frame).expect("it is there");
    let pages = memory.open().expect("the header is whole");
    let mut out = vec![0; PAGE_BYTES];
    assert!(pages.read(3 * PAGE_BYTES as u64, &mut out).is_err());
}

#[test]
fn a_header_that_is_half_written_is_as_good_as_not() {
    let memory = filled();
    let before = memory.bytes().clone();
    let pages = memory.open().expect("it is whole");
    pages.write(0, b"other").expect("there is room");
    pages.write(0, b"third").expect("there is room");
    let after = memory.bytes().clone();
    let changed: Vec<usize> = (0..after.len()).filter(|at| before[*at] != after[*at]).collect();
    assert_eq!(header(&memory.open().expect("it is whole")), *b"third");
    for half in [&changed[..1], &changed[1..], &changed[changed.len() / 2..]] {
        let torn = Memory::default();
        *torn.bytes() = before.clone();
        half.iter().for_each(|at| torn.bytes()[*at] = after[*at]);
        assert_eq!(header(&torn.open().expect("one is whole")), *b"first");
    }
}

#[test]
fn a_file_without_a_whole_header_is_damaged() {
    let memory = filled();
    for byte in &mut memory.bytes()[..usize::try_from(HEADERS_BYTES).expect("it is small")] {
        *byte = byte.wrapping_add(1);
    }
    assert!(memory.open().is_err());
    memory.bytes().truncate(100);
    assert!(memory.open().is_err());
}
