use super::*;

const PIECES: [&[u8]; 6] = [b"", b"one", b"", b"t", b"hree and four", b""];

fn data() -> Data {
    PIECES.iter().map(|piece| Bytes::from_static(piece)).collect::<Vec<Bytes>>().into()
}

fn seen(data: &Data, slices_max: usize) -> Vec<u8> {
    let mut slices = vec![IoSlice::new(&[]); slices_max];
    let filled = data.chunks_vectored(&mut slices);
    slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect()
}

#[test]
fn pieces_are_one_text_however_it_is_read() {
    let whole = PIECES.concat();
    for first in 0..=whole.len() {
        for second in 0..=whole.len() - first {
            let mut data = data();
            for (at, next) in [(0, first), (first, second)] {
                assert_eq!(data.remaining(), whole.len() - at);
                assert_eq!(data.has_remaining(), at < whole.len());
                assert_eq!(data.chunk().is_empty(), !data.has_remaining());
                assert!(whole[at..].starts_with(data.chunk()));
                assert_eq!(seen(&data, 8), whole[at..]);
                assert_eq!(seen(&data, 1), data.chunk());
                data.advance(next);
            }
            assert_eq!(data.copy_to_bytes(data.remaining()), whole[first + second..]);
        }
    }
}

#[test]
fn nothing_is_nothing() {
    for data in [Data::default(), Bytes::new().into(), Vec::new().into()] {
        assert_eq!((data.remaining(), data.chunk().len(), seen(&data, 8).len()), (0, 0, 0));
    }
}

#[test]
fn what_has_left_is_freed() {
    let pieces = [Bytes::from(vec![1; 10]), Bytes::from(vec![2; 10])];
    let mut data = Data::from(pieces.to_vec());
    assert!(!pieces[0].is_unique());
    data.advance(10);
    assert!(pieces[0].is_unique() && !pieces[1].is_unique());
}
