//! The bytes of a segment: a header, then frames, each under a checksum.
//!
//! Frame: length of the payload and kind (u32, the kind in its two highest bits), CRC-32C over length, sequence and
//! payload (u32), sequence (u64), payload. All integers are little endian. A frame is a record, or the seal of those
//! before it: a seal's sequence is that of the last record, its payload the head of the chain (see [`super::chain`]).

use super::chain::Head;

/// Longest payload, in bytes.
pub const MAX_PAYLOAD: usize = 1 << 20;
/// Bytes before each payload.
pub const FRAME_HEADER: usize = 16;
/// Longest record with its header, in bytes.
pub const MAX_FRAME: usize = FRAME_HEADER + MAX_PAYLOAD;
/// Bytes of a seal with its header.
pub const SEAL_FRAME: usize = FRAME_HEADER + size_of::<Head>();
/// Bytes of a segment's header.
pub const SEGMENT_HEADER: usize = 160;
/// Longest node name, in bytes.
pub const MAX_NODE: usize = 128;

/// The bits of a frame's length that hold its kind; those of a record are 0.
const KIND: u32 = 3 << 30;
/// The kind of a seal.
const SEAL: u32 = 1 << 30;

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
    /// A whole seal, of [`SEAL_FRAME`] bytes.
    Seal {
        /// The last record before it.
        sequence: Sequence,
        /// The chain's head there.
        head: Head,
    },
    /// Nothing more: the end, or the zeros of a preallocated rest.
    End,
    /// Something that is no whole frame.
    Broken,
}

/// Appends a record to `out`.
pub fn encode(out: &mut Vec<u8>, sequence: Sequence, payload: &[u8]) {
    push(out, u32::try_from(payload.len()).unwrap_or(u32::MAX), sequence, payload);
}

/// Appends the seal behind record `sequence` to `out`.
pub fn encode_seal(out: &mut Vec<u8>, sequence: Sequence, head: &Head) {
    push(out, SEAL | size_of::<Head>() as u32, sequence, head);
}

fn push(out: &mut Vec<u8>, length: u32, sequence: Sequence, payload: &[u8]) {
    let (length, sequence) = (length.to_le_bytes(), sequence.to_le_bytes());
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(&length, &sequence, payload).to_le_bytes());
    out.extend_from_slice(&sequence);
    out.extend_from_slice(payload);
}

/// Reads the frame at the start of `bytes`.
#[must_use]
pub fn decode(bytes: &[u8]) -> Decoded<'_> {
    if bytes.iter().take(FRAME_HEADER).all(|byte| *byte == 0) {
        return Decoded::End;
    }
    let (Some(length), Some(crc), Some(sequence)) = (array(bytes, 0), array(bytes, 4), array(bytes, 8))
    else {
        return Decoded::Broken;
    };
    let (kind, payload_length) = kind_and_length(length);
    if payload_length > MAX_PAYLOAD {
        return Decoded::Broken;
    }
    let Some(payload) = bytes.get(FRAME_HEADER..FRAME_HEADER + payload_length) else {
        return Decoded::Broken;
    };
    if checksum(&length, &sequence, payload) != u32::from_le_bytes(crc) {
        return Decoded::Broken;
    }
    let sequence = u64::from_le_bytes(sequence);
    match (kind, Head::try_from(payload)) {
        (0, _) => Decoded::Record { sequence, payload, length: FRAME_HEADER + payload_length },
        (SEAL, Ok(head)) => Decoded::Seal { sequence, head },
        (_, Ok(_) | Err(_)) => Decoded::Broken,
    }
}

fn kind_and_length(length: [u8; 4]) -> (u32, usize) {
    let length = u32::from_le_bytes(length);
    (length & KIND, (length & !KIND) as usize)
}

/// The bytes of a broken record that was once whole: rot, since a torn write leaves the begin of a record and less than
/// its length. `expected` is the sequence that it should have. `bytes` end where there is nothing more but zeros.
#[must_use]
pub fn rotten(bytes: &[u8], expected: Sequence) -> Option<usize> {
    let (length, sequence) = (array(bytes, 0)?, array(bytes, 8)?);
    let (_, payload) = kind_and_length(length);
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

/// Whether the broken frame at the start of `bytes` looks like the seal behind record `sequence`: no record is lost with
/// it. Two of three marks are enough, so that one of them may be broken; unless it is a record with one broken.
#[must_use]
pub fn is_broken_seal(bytes: &[u8], sequence: Sequence) -> bool {
    let (Some(length), Some(crc), Some(found)) = (array(bytes, 0), array(bytes, 4), array(bytes, 8)) else {
        return false;
    };
    let (kind, payload_length) = kind_and_length(length);
    let marks = [kind == SEAL, payload_length == size_of::<Head>(), u64::from_le_bytes(found) == sequence];
    let is_record = || {
        let Some(payload) = bytes.get(FRAME_HEADER..SEAL_FRAME) else { return false };
        let (length, next) = ((payload.len() as u32).to_le_bytes(), sequence.saturating_add(1).to_le_bytes());
        checksum(&length, &next, payload) == u32::from_le_bytes(crc)
    };
    marks.into_iter().filter(|mark| *mark).count() >= 2 && !is_record()
}

/// The offset of the next whole frame after a broken one at the start of `bytes` that tells of a record behind `after`, if
/// there is any. `after` is the sequence before the broken one.
#[must_use]
pub fn resynchronise(bytes: &[u8], after: Sequence) -> Option<usize> {
    // The broken record's length is believed if it leads to the right frame: what looks like one inside a payload must
    // not pass for one.
    if let Some(length) = array(bytes, 0) {
        let next = FRAME_HEADER + kind_and_length(length).1;
        let is_right = match bytes.get(next..).map(decode) {
            Some(Decoded::Record { sequence, .. }) => sequence == after.saturating_add(2),
            Some(Decoded::Seal { sequence, .. }) => sequence == after.saturating_add(1),
            Some(Decoded::End | Decoded::Broken) | None => false,
        };
        if is_right {
            return Some(next);
        }
    }
    next_frame(bytes, after)
}

/// The offset of the first whole frame that begins behind the start of `bytes` and tells of a record behind `after`.
#[must_use]
pub fn next_frame(bytes: &[u8], after: Sequence) -> Option<usize> {
    // There is something in each frame's header.
    let end = used(bytes).min(bytes.len().saturating_sub(FRAME_HEADER - 1));
    let first = bytes.iter().position(|byte| *byte != 0)?;
    let begin = first.saturating_sub(FRAME_HEADER - 1).max(1);
    (begin..end).find(|offset| match decode(&bytes[*offset..]) {
        Decoded::Record { sequence, .. } | Decoded::Seal { sequence, .. } => sequence > after,
        Decoded::End | Decoded::Broken => false,
    })
}

/// The bytes up to the last that is not 0.
#[must_use]
pub fn used(bytes: &[u8]) -> usize {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut rest = bytes;
    while let Some((before, last)) = rest.split_last_chunk::<4096>()
        && *last == ZEROS
    {
        rest = before;
    }
    rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

fn checksum(length: &[u8; 4], sequence: &[u8; 8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(length), sequence), payload)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// What a segment is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Records alone, as older programs wrote it.
    Plain,
    /// Groups of records, each under a seal. The first frame is the last seal of the segment before it.
    Sealed,
}

impl Form {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Plain => b"TGJRNL01",
            Self::Sealed => b"TGJRNL02",
        }
    }
}

/// The header of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// What follows it.
    pub form: Form,
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
        bytes[..8].copy_from_slice(self.form.magic());
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
        let form = [Form::Plain, Form::Sealed].into_iter().find(|form| &bytes[..8] == form.magic())?;
        if crc32c::crc32c(&bytes[..SEGMENT_HEADER - 4]) != crc {
            return None;
        }
        let node = bytes.get(17..17 + usize::from(bytes[16]))?;
        Some(Self {
            form,
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
            let _ = (resynchronise(&bytes, 0), rotten(&bytes, 1), is_broken_seal(&bytes, 1), used(&bytes));
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
    fn a_seal_survives_its_bytes_and_one_changed_bit_never_passes() {
        let mut bytes = Vec::new();
        encode_seal(&mut bytes, 7, &[3; 32]);
        assert_eq!(bytes.len(), SEAL_FRAME);
        assert_eq!(decode(&bytes), Decoded::Seal { sequence: 7, head: [3; 32] });
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bytes), Decoded::Broken, "bit {bit}");
            assert!(is_broken_seal(&bytes, 7), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_record_as_long_as_a_seal_is_none_whichever_bit_is_changed() {
        let mut bytes = Vec::new();
        encode(&mut bytes, 8, &[3; 32]);
        for bit in 0..FRAME_HEADER * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_broken_seal(&bytes, 7), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_seal_tells_of_a_record_that_is_lost_before_it() {
        let mut bytes = Vec::new();
        encode(&mut bytes, 5, b"lost");
        bytes[FRAME_HEADER] ^= 1;
        let seal = bytes.len();
        encode_seal(&mut bytes, 5, &[3; 32]);
        assert_eq!(resynchronise(&bytes, 4), Some(seal));
        bytes[0] ^= 2;
        assert_eq!(resynchronise(&bytes, 4), Some(seal), "by its look, where the length is wrong");
        assert_eq!(resynchronise(&bytes, 5), None);
    }

    #[test]
    fn what_is_used_ends_before_the_zeros() {
        for (length, end) in [(0, 0), (9000, 0), (9000, 1), (9000, 4096), (9000, 4097), (9000, 9000)] {
            let mut bytes = vec![0; length];
            bytes[..end].fill(1);
            assert_eq!(used(&bytes), end, "{length}");
        }
    }

    #[test]
    fn a_header_survives_its_bytes() {
        for form in [Form::Plain, Form::Sealed] {
            let header = SegmentHeader { form, node: "node-1".to_owned(), first: 42 };
            assert_eq!(SegmentHeader::decode(&header.encode()), Some(header));
        }
    }
}
