//! The bytes of a segment: a header, then records, each under a checksum.
//!
//! Record: length of the payload (u32), CRC-32C over length, sequence and payload (u32), sequence (u64), payload.
//! All integers are little endian.

/// Longest payload, in bytes.
pub const MAX_PAYLOAD: usize = 1 << 20;
/// Bytes before each payload.
pub const FRAME_HEADER: usize = 16;
/// Longest record with its header, in bytes.
pub const MAX_FRAME: usize = FRAME_HEADER + MAX_PAYLOAD;
/// Bytes of a segment's header.
pub const SEGMENT_HEADER: usize = 160;
const MAGIC: &[u8; 8] = b"TGJRNL01";
/// Longest node name, in bytes.
pub const MAX_NODE: usize = 128;

/// A record's place in its node's journal, from 1, without gaps.
pub type Sequence = u64;

/// What stands at a place in a segment.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A whole record and the bytes that it takes.
    Record {
        /// Its sequence.
        sequence: Sequence,
        /// Its contents.
        payload: &'a [u8],
        /// Bytes from its begin to the next.
        length: usize,
    },
    /// Nothing more: the end, or the zeros of a preallocated rest.
    End,
    /// Something that is not a whole record.
    Broken,
}

/// Appends a record to `out`.
pub fn encode(out: &mut Vec<u8>, sequence: Sequence, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let sequence = sequence.to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(&length, &sequence, payload).to_le_bytes());
    out.extend_from_slice(&sequence);
    out.extend_from_slice(payload);
}

/// Reads the record at the start of `bytes`.
#[must_use]
pub fn decode(bytes: &[u8]) -> Decoded<'_> {
    if bytes.iter().take(FRAME_HEADER).all(|byte| *byte == 0) {
        return Decoded::End;
    }
    let (Some(length), Some(crc), Some(sequence)) = (array(bytes, 0), array(bytes, 4), array(bytes, 8))
    else {
        return Decoded::Broken;
    };
    let payload_length = u32::from_le_bytes(length) as usize;
    if payload_length > MAX_PAYLOAD {
        return Decoded::Broken;
    }
    let Some(payload) = bytes.get(FRAME_HEADER..FRAME_HEADER + payload_length) else {
        return Decoded::Broken;
    };
    if checksum(&length, &sequence, payload) != u32::from_le_bytes(crc) {
        return Decoded::Broken;
    }
    Decoded::Record { sequence: u64::from_le_bytes(sequence), payload, length: FRAME_HEADER + payload_length }
}

/// The bytes of a broken record that was once whole: rot, since a torn write leaves the begin of a record and less than
/// its length. `expected` is the sequence that it should have.
#[must_use]
pub fn rotten(bytes: &[u8], expected: Sequence) -> Option<usize> {
    let (length, sequence) = (array(bytes, 0)?, array(bytes, 8)?);
    let payload = u32::from_le_bytes(length) as usize;
    let whole = FRAME_HEADER + payload;
    let is_expected = u64::from_le_bytes(sequence) == expected;
    if payload <= MAX_PAYLOAD && whole <= bytes.len() {
        return (is_expected || whole == bytes.len()).then_some(whole);
    }
    // Its length is rotten if no record has that length, or the checksum is right for the length that there is.
    (is_expected && (payload > MAX_PAYLOAD || is_whole_but_for_its_length(bytes))).then_some(bytes.len())
}

fn is_whole_but_for_its_length(bytes: &[u8]) -> bool {
    let (Some(crc), Some(sequence), Some(payload)) =
        (array(bytes, 4), array(bytes, 8), bytes.get(FRAME_HEADER..))
    else {
        return false;
    };
    let length = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= MAX_PAYLOAD);
    length
        .is_some_and(|length| checksum(&length.to_le_bytes(), &sequence, payload) == u32::from_le_bytes(crc))
}

/// The offset of the next whole record after a broken one at the start of `bytes`, if there is any. `after` is the
/// sequence before the broken one.
#[must_use]
pub fn resynchronise(bytes: &[u8], after: Sequence) -> Option<usize> {
    // The broken record's length is believed if it leads to the right record: what looks like a record inside a
    // payload must not pass for one.
    if let Some(length) = array(bytes, 0) {
        let next = FRAME_HEADER + u32::from_le_bytes(length) as usize;
        if matches!(bytes.get(next..).map(decode), Some(Decoded::Record { sequence, .. }) if sequence == after.saturating_add(2))
        {
            return Some(next);
        }
    }
    next_record(bytes, after)
}

/// The offset of the first whole record after `after` that begins behind the start of `bytes`.
#[must_use]
pub fn next_record(bytes: &[u8], after: Sequence) -> Option<usize> {
    (1..bytes.len().saturating_sub(FRAME_HEADER - 1)).find(
        |offset| matches!(decode(&bytes[*offset..]), Decoded::Record { sequence, .. } if sequence > after),
    )
}

fn checksum(length: &[u8; 4], sequence: &[u8; 8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(length), sequence), payload)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// The header of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The node whose journal it is.
    pub node: String,
    /// The sequence of its first record.
    pub first: Sequence,
}

impl SegmentHeader {
    /// The header's bytes. A node's name has at most [`MAX_NODE`] bytes; the journal opens with no other.
    #[must_use]
    pub fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = [0; SEGMENT_HEADER];
        let node = &self.node.as_bytes()[..self.node.len().min(MAX_NODE)];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.first.to_le_bytes());
        bytes[16] = u8::try_from(node.len()).unwrap_or(0);
        bytes[17..17 + node.len()].copy_from_slice(node);
        let crc = crc32c::crc32c(&bytes[..SEGMENT_HEADER - 4]);
        bytes[SEGMENT_HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header; `None` if it is not one, or not whole.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SEGMENT_HEADER] = bytes.get(..SEGMENT_HEADER)?.try_into().ok()?;
        let crc = u32::from_le_bytes(array(bytes, SEGMENT_HEADER - 4)?);
        if &bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..SEGMENT_HEADER - 4]) != crc {
            return None;
        }
        let node = bytes.get(17..17 + usize::from(bytes[16]))?;
        Some(Self {
            node: String::from_utf8(node.to_vec()).ok()?,
            first: u64::from_le_bytes(array(bytes, 8)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            let _ = SegmentHeader::decode(&bytes);
            let _ = (resynchronise(&bytes, 0), rotten(&bytes, 1));
        }

        #[test]
        fn every_cut_of_a_segment_reads_as_a_prefix(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6), cut: prop::sample::Index,
        ) {
            let mut bytes = Vec::new();
            for (at, payload) in payloads.iter().enumerate() {
                encode(&mut bytes, at as u64 + 1, payload);
            }
            let cut = &bytes[..cut.index(bytes.len())];
            let (mut offset, mut read) = (0, 0);
            while let Decoded::Record { sequence, payload, length } = decode(&cut[offset..]) {
                prop_assert_eq!(sequence, read as u64 + 1);
                prop_assert_eq!(payload, &payloads[read][..]);
                (offset, read) = (offset + length, read + 1);
            }
            prop_assert!(read < payloads.len());
        }

        #[test]
        fn one_changed_bit_never_passes(payload in prop::collection::vec(any::<u8>(), 1..40), bit: prop::sample::Index) {
            let mut bytes = Vec::new();
            encode(&mut bytes, 7, &payload);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(&bytes), Decoded::Broken);
        }
    }

    #[test]
    fn an_empty_record_at_the_very_end_is_found_behind_rot() {
        let mut bytes = vec![0; 36];
        encode(&mut bytes, 2, b"");
        assert_eq!(resynchronise(&bytes, 0), Some(36));
    }

    #[test]
    fn a_header_survives_its_bytes() {
        let header = SegmentHeader { node: "node-1".to_owned(), first: 42 };
        assert_eq!(SegmentHeader::decode(&header.encode()), Some(header));
    }
}
