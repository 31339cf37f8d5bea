//! What a journal folder holds after a stop of any kind: a torn tail is cut, rot is kept aside and reported.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::JournalError;
use super::frame::{Decoded, SEGMENT_HEADER, SegmentHeader, Sequence, decode, resynchronise, rotten};
use super::segment::{self, SegmentFile};

/// What was found and done when a journal was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The last whole record; 0 if there is none.
    pub last: Sequence,
    /// Bytes of a torn tail that were cut; none of them was ever acknowledged.
    pub cut_bytes: u64,
    /// Records that are there no more, first and last: lost to rot, or with a whole segment. Readers tell of each.
    pub missing: Vec<(Sequence, Sequence)>,
    /// Copies of segments with rot in them; their whole records are still read.
    pub quarantined: Vec<PathBuf>,
    /// Segments, the last of which may be appended to.
    pub segments: usize,
}

/// Reads and mends a folder.
///
/// # Errors
/// [`JournalError::Io`], or [`JournalError::OtherNode`] if the segments are another node's.
pub fn recover(folder: &Path, node: &str) -> Result<Recovery, JournalError> {
    let segments = segment::list(folder)?;
    let mut recovery = Recovery { segments: segments.len(), ..Recovery::default() };
    // What came before the oldest segment was released.
    recovery.last = segments.first().map_or(0, |segment| segment.first.saturating_sub(1));
    for (place, segment) in segments.iter().enumerate() {
        let is_last = place + 1 == segments.len();
        recover_segment(folder, node, segment, is_last, &mut recovery)?;
    }
    for (first, last) in &recovery.missing {
        tracing::error!(first, last, folder = %folder.display(), "journal records are missing");
    }
    Ok(recovery)
}

fn recover_segment(
    folder: &Path,
    node: &str,
    segment: &SegmentFile,
    is_last: bool,
    recovery: &mut Recovery,
) -> Result<(), JournalError> {
    let bytes = fs::read(&segment.path).map_err(JournalError::io(&segment.path))?;
    match SegmentHeader::decode(&bytes) {
        Some(header) if header.node != node => {
            return Err(JournalError::OtherNode {
                folder: folder.to_owned(),
                found: header.node,
                expected: node.to_owned(),
            });
        }
        Some(_) => {}
        // Killed while the segment was made: it never held a record. The next one of that name replaces it; until
        // then its name alone tells how far the sequence had come.
        None if bytes.len() <= SEGMENT_HEADER => {
            recovery.cut_bytes += bytes.len() as u64;
            recovery.reach(segment.first);
            return Ok(());
        }
        None => quarantine(&segment.path, &bytes, recovery)?,
    }
    recovery.reach(segment.first);
    let scan = scan(&bytes, segment.first.saturating_sub(1));
    if scan.has_rot {
        quarantine(&segment.path, &bytes, recovery)?;
    }
    recovery.missing.extend(&scan.missing);
    recovery.last = recovery.last.max(scan.last);
    let torn = bytes.len().saturating_sub(scan.end);
    if torn > 0 && is_last {
        recovery.cut_bytes += torn as u64;
        let file = OpenOptions::new().write(true).open(&segment.path);
        file.and_then(|file| file.set_len(scan.end as u64).and_then(|()| file.sync_all()))
            .map_err(JournalError::io(&segment.path))?;
    } else if torn > 0 && !scan.has_rot {
        quarantine(&segment.path, &bytes, recovery)?;
    }
    Ok(())
}

impl Recovery {
    /// A segment begins with `first`: what is between it and the last record is missing.
    fn reach(&mut self, first: Sequence) {
        let expected = self.last.saturating_add(1);
        if first > expected {
            self.missing.push((expected, first - 1));
            self.last = first - 1;
        }
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

fn quarantine(path: &Path, bytes: &[u8], recovery: &mut Recovery) -> Result<(), JournalError> {
    let copy = path.with_extension("segment.corrupt");
    if !copy.exists() {
        File::create(&copy)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .map_err(JournalError::io(&copy))?;
    }
    tracing::error!(file = %copy.display(), "a journal segment has rot in it; its bytes are kept for inspection");
    recovery.quarantined.push(copy);
    Ok(())
}
