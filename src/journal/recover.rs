//! What a journal folder holds after a stop of any kind: a torn tail is cut, rot is kept aside and reported.
//!
//! Only the last segment is read whole. Of older ones the header is checked; what rot has done to them their readers
//! tell. Where segments overlap, the later one holds: the earlier was given up.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::JournalError;
use super::frame::{Decoded, SEGMENT_HEADER, SegmentHeader, Sequence, decode, resynchronise, rotten};
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
        if !check_header(folder, node, segment, &head)? && head.len() > SEGMENT_HEADER {
            recovery.quarantine(&segment.path);
        }
    }
    recovery.last = last.first.saturating_sub(1);
    recover_last(folder, node, last, &mut recovery)?;
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

/// Whether the header is whole and that of this segment.
fn check_header(
    folder: &Path,
    node: &str,
    segment: &SegmentFile,
    bytes: &[u8],
) -> Result<bool, JournalError> {
    match SegmentHeader::decode(bytes) {
        Some(header) if header.node != node => Err(JournalError::OtherNode {
            folder: folder.to_owned(),
            found: header.node,
            expected: node.to_owned(),
        }),
        Some(header) => Ok(header.first == segment.first),
        None => Ok(false),
    }
}

fn recover_last(
    folder: &Path,
    node: &str,
    segment: &SegmentFile,
    recovery: &mut Recovery,
) -> Result<(), JournalError> {
    let bytes = fs::read(&segment.path).map_err(JournalError::io(&segment.path))?;
    let has_header = check_header(folder, node, segment, &bytes)?;
    if !has_header && bytes.len() <= SEGMENT_HEADER {
        // Killed while the segment was made: it never held a record. The next one of that name replaces it; until
        // then its name alone tells how far the sequence had come.
        recovery.cut_bytes = bytes.len() as u64;
        return Ok(());
    }
    let scan = scan(&bytes, recovery.last);
    if !has_header || scan.has_rot {
        recovery.quarantine(&segment.path);
    }
    recovery.missing = scan.missing;
    recovery.last = recovery.last.max(scan.last);
    let torn = &bytes[scan.end..];
    // What cannot be kept is not cut: it harms nobody, since the next record goes to a new segment.
    if !torn.is_empty() && quarantine::keep_cut(&segment.path, scan.end, torn) {
        recovery.cut_bytes = torn.len() as u64;
        let file = OpenOptions::new().write(true).open(&segment.path);
        file.and_then(|file| file.set_len(scan.end as u64).and_then(|()| file.sync_all()))
            .map_err(JournalError::io(&segment.path))?;
    }
    Ok(())
}

impl Recovery {
    fn quarantine(&mut self, segment: &Path) {
        self.quarantined.extend(quarantine::keep_segment(segment));
    }
}

struct Scan {
    last: Sequence,
    missing: Vec<(Sequence, Sequence)>,
    /// The offset after the last record.
    end: usize,
    /// Whether something broken stands before a whole record.
    has_rot: bool,
}

fn scan(bytes: &[u8], before: Sequence) -> Scan {
    let mut scan =
        Scan { last: before, missing: Vec::new(), end: SEGMENT_HEADER.min(bytes.len()), has_rot: false };
    let mut offset = scan.end;
    loop {
        match decode(&bytes[offset..]) {
            Decoded::Record { sequence, length, .. } => {
                offset += length;
                let expected = scan.last.saturating_add(1);
                scan.has_rot |= sequence != expected;
                if sequence > expected {
                    scan.missing.push((expected, sequence - 1));
                }
                (scan.last, scan.end) = (sequence, offset);
            }
            Decoded::End | Decoded::Broken => match resynchronise(&bytes[offset..], scan.last) {
                Some(skip) => {
                    scan.has_rot = true;
                    offset += skip;
                }
                // Acknowledged and rotten, or torn and never acknowledged: a doubt is reported, not cut.
                None => match rotten(&bytes[offset..], scan.last.saturating_add(1)) {
                    Some(length) => {
                        scan.last = scan.last.saturating_add(1);
                        scan.missing.push((scan.last, scan.last));
                        scan.has_rot = true;
                        offset += length;
                        scan.end = offset;
                    }
                    None => return scan,
                },
            },
        }
    }
}
