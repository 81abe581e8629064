//! The answer to a range, which may be long.

use alloc::vec::Vec;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

use crate::etcdserverpb::ResponseHeader;
use crate::spliced::Records;

const HEADER: u32 = 1;
const KVS: u32 = 2;
const MORE: u32 = 3;
const COUNT: u32 = 4;

/// Twin of [`etcdserverpb::RangeResponse`](crate::etcdserverpb::RangeResponse).
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct RangeResponse {
    /// Where and when it was answered.
    pub header: Option<ResponseHeader>,
    /// Encoded `mvccpb.KeyValue`s.
    pub kvs: Records,
    /// Whether the limit left some out.
    pub more: bool,
    /// How many keys the interval has, whatever the limit.
    pub count: i64,
}

impl RangeResponse {
    /// Encodes it behind what the buffer holds: the records are not copied, but are among what is
    /// returned, as they lie.
    #[must_use]
    pub fn into_pieces(self, mut buffer: BytesMut) -> Vec<Bytes> {
        self.encode_before(&mut buffer);
        let mut behind = Vec::new();
        self.encode_behind(&mut behind);
        let records = self.kvs.into_pieces();
        let mut pieces = Vec::with_capacity(records.len() + 2);
        pieces.push(buffer.freeze());
        pieces.extend(records);
        pieces.push(behind.into());
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// What is before the records.
    fn encode_before(&self, buffer: &mut impl BufMut) {
        if let Some(header) = &self.header {
            encoding::message::encode(HEADER, header, buffer);
        }
    }

    /// What is behind the records.
    fn encode_behind(&self, buffer: &mut impl BufMut) {
        if self.more {
            encoding::bool::encode(MORE, &self.more, buffer);
        }
        if self.count != 0 {
            encoding::int64::encode(COUNT, &self.count, buffer);
        }
    }
}

impl Message for RangeResponse {
    fn encode_raw(&self, buffer: &mut impl BufMut) {
        self.encode_before(buffer);
        self.kvs.pieces().for_each(|piece| buffer.put_slice(piece));
        self.encode_behind(buffer);
    }

    fn encoded_len(&self) -> usize {
        let header = self.header.as_ref();
        let header = header.map_or(0, |header| encoding::message::encoded_len(HEADER, header));
        let more = if self.more { encoding::bool::encoded_len(MORE, &self.more) } else { 0 };
        let count =
            if self.count == 0 { 0 } else { encoding::int64::encoded_len(COUNT, &self.count) };
        header + self.kvs.encoded_len() + more + count
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buffer: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            HEADER => {
                let header = self.header.get_or_insert_default();
                encoding::message::merge(wire_type, header, buffer, context)
            }
            KVS => {
                let mut record = Bytes::new();
                encoding::bytes::merge(wire_type, &mut record, buffer, context)?;
                self.kvs.push_shared(record);
                Ok(())
            }
            MORE => encoding::bool::merge(wire_type, &mut self.more, buffer, context),
            COUNT => encoding::int64::merge(wire_type, &mut self.count, buffer, context),
            _ => encoding::skip_field(wire_type, tag, buffer, context),
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}
