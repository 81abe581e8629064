use super::*;

const TABLES: &[Table] = &[Table { id: 1, name: "one" }, Table { id: 7, name: "seven" }];

type Record = (Table, Bytes, Bytes);

struct Given(VecDeque<Record>);

impl Records for Given {
    fn next(&mut self) -> Result<Option<Record>, Fault> {
        Ok(self.0.pop_front())
    }
}

fn content(records: &[Record]) -> Vec<u8> {
    let mut export = Export::new(Box::new(Given(records.to_vec().into())));
    let mut content = Vec::new();
    while let Some(chunk) = Source::next(&mut export).expect("the records can be read") {
        content.extend_from_slice(&chunk);
    }
    content
}

fn read(content: &[u8]) -> Result<Vec<Record>, Fault> {
    let mut import = Import::new("spool".into(), content, TABLES);
    let mut records = Vec::new();
    while let Some(record) = import.next()? {
        records.push(record);
    }
    Ok(records)
}

/// Records of many sizes, in several blocks.
fn records() -> Vec<Record> {
    let record = |number: u32| {
        let key = Bytes::from(number.to_be_bytes().repeat(number as usize % 5));
        let value = Bytes::from(vec![number.to_le_bytes()[0]; number as usize * 37]);
        (TABLES[usize::from(number > 100)], key, value)
    };
    let mut records: Vec<_> = (0..200).map(record).collect();
    records.push((TABLES[1], "large".into(), vec![9; 2 * BLOCK_BYTES].into()));
    records
}

#[test]
fn records_come_back_as_they_were() {
    for records in [vec![], records()] {
        assert_eq!(read(&content(&records)), Ok(records));
    }
}

#[test]
fn a_chunk_is_about_a_block() {
    let mut export = Export::new(Box::new(Given(records().into())));
    while let Some(chunk) = Source::next(&mut export).expect("the records can be read") {
        assert!(chunk.len() < 4 * BLOCK_BYTES);
    }
}

#[test]
fn damage_anywhere_is_found() {
    let records: Vec<_> = (0..3_u8)
        .map(|number| (TABLES[0], Bytes::from(vec![number; 3]), Bytes::from(vec![number; 5])))
        .collect();
    let content = content(&records);
    for end in 0..content.len() {
        assert!(read(&content[..end]).is_err(), "cut at {end}");
    }
    for place in 0..content.len() {
        for bit in 0..8 {
            let mut damaged = content.clone();
            damaged[place] ^= 1 << bit;
            assert!(read(&damaged).is_err(), "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn blocks_out_of_their_place_are_found() {
    let large =
        |number: u8| (TABLES[0], Bytes::from(vec![number]), vec![number; BLOCK_BYTES].into());
    let content = content(&[large(1), large(2), large(3)]);
    let block = 8 + RECORD_HEAD + 1 + BLOCK_BYTES;
    let (magic, rest) = content.split_at(MAGIC.len());
    let (first, rest) = rest.split_at(block);
    let (second, rest) = rest.split_at(block);
    assert_eq!([magic, first, second, rest].concat(), content);
    let wrong = [
        [magic, second, first, rest].concat(),
        [magic, first, rest].concat(),
        [magic, first, first, second, rest].concat(),
    ];
    for wrong in wrong {
        assert!(read(&wrong).is_err());
    }
}

#[test]
fn an_unknown_table_is_refused() {
    let stranger = Table { id: 9, name: "stranger" };
    let content = content(&[(stranger, "key".into(), "value".into())]);
    assert!(read(&content).is_err());
}

#[test]
fn a_number_that_promises_much_costs_nothing() {
    let mut content = MAGIC.to_vec();
    content.put_u32_le(BLOCK_BYTES_MAX);
    content.put_u32_le(0);
    assert!(read(&content).is_err());
}
