//! What a journal folder holds after a stop of any kind: a torn tail is cut, rot is kept aside and reported, and whole
//! records that a stop kept from their seal get one.
//!
//! Only the last segment is read whole. Of older ones the header is checked; what rot has done to them their readers
//! tell. Where segments overlap, the later one holds: the earlier was given up.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::chain::{self, Head};
use super::error::JournalError;
use super::frame::{self, Form, SEGMENT_HEADER, SegmentHeader, Sequence, rotten, used};
use super::frames::{Found, Frames};
use super::quarantine;
use super::segment::{self, SegmentFile};

/// What was found and done when a journal was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The last record, whole or known to be missing; 0 if there is none.
    pub last: Sequence,
    /// Bytes of a torn tail that were cut; none of them was ever acknowledged. They are kept beside the segment.
    pub cut_bytes: u64,
    /// Records of the last segment that are there no more, first and last: lost to rot. Readers tell of each, and of
    /// those of older segments.
    pub missing: Vec<(Sequence, Sequence)>,
    /// Copies of segments with rot in them; their whole records are still read.
    pub quarantined: Vec<PathBuf>,
    /// Segments.
    pub segments: usize,
    /// The chain's head behind the last record, if any segment has one.
    pub head: Option<Head>,
}

/// Reads and mends a folder.
///
/// # Errors
/// [`JournalError::Io`], or [`JournalError::OtherNode`] if the segments are another node's.
pub fn recover(folder: &Path, node: &str) -> Result<Recovery, JournalError> {
    let segments = segment::list(folder)?;
    let mut recovery = Recovery { segments: segments.len(), ..Recovery::default() };
    let Some((last, older)) = segments.split_last() else { return Ok(recovery) };
    for segment in older {
        let head = read_head(&segment.path)?;
        if check_header(folder, node, segment, &head)?.is_none() && head.len() > SEGMENT_HEADER {
            recovery.quarantine(&segment.path);
        }
    }
    recovery.last = last.first.saturating_sub(1);
    recover_last(folder, node, last, &mut recovery)?;
    if recovery.head.is_none() {
        recovery.head = head_of(older, last.first)?;
    }
    for (first, last) in &recovery.missing {
        tracing::error!(first, last, folder = %folder.display(), "journal records are missing");
    }
    Ok(recovery)
}

/// The header of a segment, and one byte more if there is one.
fn read_head(path: &Path) -> Result<Vec<u8>, JournalError> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SEGMENT_HEADER as u64 + 1).read_to_end(&mut head))
        .map_err(JournalError::io(path))?;
    Ok(head)
}

/// The segment's form, if the header is whole and that of this segment.
fn check_header(
    folder: &Path,
    node: &str,
    segment: &SegmentFile,
    bytes: &[u8],
) -> Result<Option<Form>, JournalError> {
    match SegmentHeader::decode(bytes) {
        Some(header) if header.node != node => Err(JournalError::OtherNode {
            folder: folder.to_owned(),
            found: header.node,
            expected: node.to_owned(),
        }),
        Some(header) => Ok((header.first == segment.first).then_some(header.form)),
        None => Ok(None),
    }
}

/// The chain's head at the end of these segments, of which the next began with `next`.
fn head_of(segments: &[SegmentFile], mut next: Sequence) -> Result<Option<Head>, JournalError> {
    for segment in segments.iter().rev() {
        let bytes = fs::read(&segment.path).map_err(JournalError::io(&segment.path))?;
        if SegmentHeader::decode(&bytes).is_some_and(|header| header.form == Form::Plain) {
            return Ok(None);
        }
        let seals = Frames::of(&bytes, segment.first).filter_map(|frame| match frame.found {
            // What the next one repeats was given up.
            Found::Seal(sequence, head) => Some(head).filter(|_| sequence < next),
            Found::Record(..) | Found::Broken | Found::Rest => None,
        });
        if let Some(head) = seals.last() {
            return Ok(Some(head));
        }
        next = segment.first;
    }
    Ok(None)
}

fn recover_last(
    folder: &Path,
    node: &str,
    segment: &SegmentFile,
    recovery: &mut Recovery,
) -> Result<(), JournalError> {
    let bytes = fs::read(&segment.path).map_err(JournalError::io(&segment.path))?;
    let form = check_header(folder, node, segment, &bytes)?;
    if form.is_none() && used(&bytes) <= SEGMENT_HEADER {
        // Killed while the segment was made: it never held a record. The next one of that name replaces it; until
        // then its name alone tells how far the sequence had come.
        recovery.cut_bytes = used(&bytes) as u64;
        return Ok(());
    }
    let scan = Scan::of(&bytes, segment.first);
    if form.is_none() || scan.has_rot {
        recovery.quarantine(&segment.path);
    }
    let torn = &bytes[scan.end..scan.end + used(&bytes[scan.end..])];
    // None of it was ever acknowledged. What cannot be kept is cut all the same: else the records before it would stay without their
    // seal, and the chain would have a hole.
    if !quarantine::keep_cut(&segment.path, scan.end, torn) {
        let (file, bytes) = (segment.path.display(), torn.len());
        tracing::error!(%file, bytes, "a torn end of the journal is cut, and its bytes are not kept");
    }
    recovery.cut_bytes = torn.len() as u64;
    recovery.head = mend(&segment.path, &bytes, &scan).map_err(JournalError::io(&segment.path))?;
    recovery.last = recovery.last.max(scan.last);
    recovery.missing = scan.missing;
    Ok(())
}

/// Seals what a stop kept from its seal and cuts a segment where it ends; gives the chain's head there.
fn mend(path: &Path, bytes: &[u8], scan: &Scan) -> io::Result<Option<Head>> {
    let mut head = scan.sealed.map(|(_, head)| head);
    let unsealed = scan.sealed.filter(|(end, _)| *end < scan.end);
    if unsealed.is_none() && bytes.len() == scan.end {
        return Ok(head);
    }
    let file = OpenOptions::new().write(true).open(path)?;
    let mut end = scan.end;
    if let Some((sealed, before)) = unsealed {
        let after = chain::next(&before, &bytes[sealed..end]);
        let mut seal = Vec::new();
        frame::encode_seal(&mut seal, scan.last, &after);
        // Before the cut, which gives the room behind it back: it has to fit on a disk that is full, too.
        file.write_all_at(&seal, end as u64)?;
        end += seal.len();
        head = Some(after);
    }
    file.set_len(end as u64)?;
    file.sync_all()?;
    Ok(head)
}

impl Recovery {
    fn quarantine(&mut self, segment: &Path) {
        self.quarantined.extend(quarantine::keep_segment(segment));
    }
}

#[derive(Clone)]
struct Scan {
    last: Sequence,
    missing: Vec<(Sequence, Sequence)>,
    /// The offset after the last record or seal.
    end: usize,
    /// The offset after the last seal, and what it holds.
    sealed: Option<(usize, Head)>,
    /// Whether something broken stands before a whole frame.
    has_rot: bool,
}

impl Scan {
    /// What there is of the segment that begins with `first`.
    fn of(bytes: &[u8], first: Sequence) -> Self {
        let mut scan = Self {
            last: first.saturating_sub(1),
            missing: Vec::new(),
            end: SEGMENT_HEADER.min(bytes.len()),
            sealed: None,
            has_rot: false,
        };
        // As it was before the first hole behind the last seal.
        let mut whole: Option<Self> = None;
        for frame in Frames::of(bytes, first) {
            if scan.sealed.is_some() && whole.is_none() && !scan.goes_on_with(frame.found) {
                whole = Some(scan.clone());
            }
            match frame.found {
                Found::Record(sequence, _) => {
                    scan.has_rot |= sequence != scan.last.saturating_add(1);
                    scan.reach(sequence.saturating_sub(1));
                    scan.last = scan.last.max(sequence);
                    scan.end = frame.end;
                }
                Found::Seal(sequence, head) => {
                    scan.has_rot |= sequence != scan.last;
                    scan.reach(sequence);
                    scan.end = frame.end;
                    scan.sealed = Some((frame.end, head));
                    whole = None;
                }
                Found::Broken => scan.has_rot = true,
                Found::Rest => scan.read_rest(bytes),
            }
        }
        // A group is acknowledged once it is on disk with its seal. Of one that was not, the pages may have come there in any order: what
        // is behind a hole in it is torn, not lost.
        whole.unwrap_or(scan)
    }

    /// Whether this follows on all before it.
    fn goes_on_with(&self, found: Found<'_>) -> bool {
        match found {
            Found::Record(sequence, _) => sequence == self.last.saturating_add(1),
            Found::Seal(sequence, _) => sequence == self.last,
            Found::Broken | Found::Rest => false,
        }
    }

    /// Notes that the journal had come as far as record `last`, whatever of that is there.
    fn reach(&mut self, last: Sequence) {
        if last > self.last {
            self.missing.push((self.last.saturating_add(1), last));
            self.last = last;
        }
    }

    /// Looks at what no whole frame is behind, where no record is under a seal: acknowledged and rotten, or torn and never acknowledged.
    /// A doubt is reported, not cut.
    fn read_rest(&mut self, bytes: &[u8]) {
        let mut offset = self.end;
        while !frame::is_broken_seal(&bytes[offset..], self.last) {
            let Some(length) = rotten(&bytes[offset..], self.last.saturating_add(1)) else { return };
            self.reach(self.last.saturating_add(1));
            self.has_rot = true;
            offset += length;
            self.end = offset;
        }
    }
}
