use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use flate2::read::GzDecoder;

use super::{Encoder, Frame, Kind, Stop, entry, hard_state, identity, marker};

#[test]
fn records_are_written_as_etcd_writes_them() {
    let fixture = "tests/fixtures/everyday-3.5.1/0000000000000000-0000000000000000.wal.gz";
    let packed = File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture));
    let mut image = Vec::new();
    GzDecoder::new(packed.expect("a fixture")).read_to_end(&mut image).expect("unpacks");
    let image = Bytes::from(image);

    let mut encoder = Encoder::new(0);
    let (mut offset, mut kinds) = (0, [0; 6]);
    let stop = loop {
        let frame = match Frame::parse(&image, offset) {
            Ok(frame) => frame,
            Err(stop) => break stop,
        };
        let data = &frame.data;
        match frame.kind {
            // With the metadata.
            Kind::Checksum => {}
            Kind::Metadata => encoder.head(identity(data).expect("an identity")),
            Kind::Entry => encoder.entry(&entry(data).expect("an entry")),
            Kind::State => encoder.hard_state(hard_state(data).expect("a hard state")),
            Kind::Marker => encoder.marker(&marker(data).expect("a marker")),
        }
        kinds[frame.kind as usize] += 1;
        offset = frame.end;
    };
    assert_eq!(stop, Stop::End);
    assert!(kinds[1..].iter().all(|seen| *seen > 0), "every kind is there: {kinds:?}");
    assert_eq!(encoder.bytes(), &image[..offset]);
}
