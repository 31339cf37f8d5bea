//! What becomes of a journal's segments once they are drained: the newest few stay, older ones are packed at low pace, and archives are
//! kept for a time, within a bound of bytes, and while the disk has room.
//!
//! Nothing goes that the store still needs: what is behind its position, wherever that is now, is kept. A store that is replaced by an
//! older copy finds what it lacks in the archives.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use super::archive;
use super::error::JournalError;
use super::frame::Sequence;
use super::journal::JournalSettings;
use super::quarantine;
use super::segment::{self, SegmentFile};
use super::state::State;
use crate::domain::time::Timestamp;

/// For how long archives are kept, and how many; and bytes that were kept aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// After so long they are removed.
    pub keep: Duration,
    /// Beyond so many bytes the oldest are.
    pub most_bytes: u64,
}

/// How long to rest for each [`archive::CHUNK`] that was packed.
const REST: Duration = Duration::from_millis(20);
/// With more segments than these to be packed there is no rest: more is written than could be packed at that pace.
const BEHIND: usize = 8;
/// Most files that go at once for their age. So a clock that jumps ahead is noticed before all that is kept is gone; where more comes than
/// that, the bound of bytes holds.
const MOST_FOR_AGE: usize = 1;

/// Packs what is drained and removes what is to be kept no longer. `position` is the store's: it is asked right before each removal, and
/// nothing is removed while it cannot be had. `goes_on` is asked now and then.
///
/// # Errors
/// The first [`JournalError::Io`]; what it has kept from being done is done the next time, and all else now.
pub fn tend(
    settings: &JournalSettings,
    state: &State,
    position: &dyn Fn() -> Option<Sequence>,
    (terms, now): (&Terms, Timestamp),
    goes_on: &dyn Fn() -> bool,
) -> Result<(), JournalError> {
    let mut tending = Tending { settings, state, position, goes_on, unpacked: Vec::new(), failed: None };
    let packed = tending.pack_drained();
    tending.note(packed);
    let expired = tending.expire(terms, now);
    tending.note(expired);
    tending.note_room();
    match tending.failed {
        None => Ok(()),
        Some(error) => {
            state.archive_failures.fetch_add(1, Ordering::Relaxed);
            Err(error)
        }
    }
}

struct Tending<'t> {
    settings: &'t JournalSettings,
    state: &'t State,
    position: &'t dyn Fn() -> Option<Sequence>,
    goes_on: &'t dyn Fn() -> bool,
    /// Segments that could not be packed: they stay as they are, and go when an archive would.
    unpacked: Vec<Sequence>,
    /// The first error.
    failed: Option<JournalError>,
}

/// A file that may go.
struct Kept<'a> {
    file: &'a SegmentFile,
    next: Option<&'a SegmentFile>,
    bytes: u64,
    written: Timestamp,
}

impl Tending<'_> {
    fn note(&mut self, done: Result<(), JournalError>) {
        if let Err(error) = done {
            self.failed.get_or_insert(error);
        }
    }

    fn pack_drained(&mut self) -> Result<(), JournalError> {
        let Some(position) = (self.position)() else { return Ok(()) };
        let segments = segment::list(&self.settings.folder)?;
        let drained = segments.windows(2).take_while(|pair| is_drained(pair.get(1), position)).count();
        let due = drained.saturating_sub(self.settings.kept_segments);
        let rest = if due > BEHIND { Duration::ZERO } else { REST };
        for (segment, next) in segments.iter().zip(segments.iter().skip(1)).take(due) {
            if !(self.goes_on)() {
                return Ok(());
            }
            match self.pack(segment, next, rest) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                // One that cannot be packed is no reason to keep the others.
                Err(error) => {
                    self.unpacked.push(segment.first);
                    self.note(Err(error));
                }
            }
        }
        Ok(())
    }

    /// Packs a segment; false if it is not to go on.
    fn pack(&self, segment: &SegmentFile, next: &SegmentFile, rest: Duration) -> Result<bool, JournalError> {
        let folder = &self.settings.folder;
        let length = fs::metadata(&segment.path).map_err(JournalError::io(&segment.path))?.len();
        while self.is_without(self.room().saturating_add(length)) {
            match self.remove_oldest()? {
                Some(first) if first == segment.first => return Ok(true),
                Some(_) => {}
                None => return Ok(false),
            }
        }
        let goes_on = self.goes_on;
        let paced = |packed: usize| {
            std::thread::sleep(rest.saturating_mul(packed as u32) / archive::CHUNK as u32);
            goes_on()
        };
        match archive::pack(folder, segment, &paced) {
            Ok(Some(bytes)) => {
                if !self.is_in_books(Some(next)) {
                    return Ok(false);
                }
                remove(folder, segment)?;
                self.state.packed.fetch_add(1, Ordering::Relaxed);
                let first = segment.first;
                tracing::info!(first, bytes, "a segment of the journal that is in the books is archived");
                Ok(true)
            }
            Ok(None) => Ok(false),
            // A quota, of which the disk says nothing.
            Err(error) if is_for_want_of_room(&error) => Ok(self.remove_oldest()?.is_some()),
            Err(error) => Err(error),
        }
    }

    /// Removes the oldest file of all, unless the store may need it: on a disk that is full, records that are still to come count for
    /// more than those that are in the books. Gives what it began with.
    fn remove_oldest(&self) -> Result<Option<Sequence>, JournalError> {
        let all = archive::all(&self.settings.folder)?;
        let Some(oldest) = all.first().filter(|_| self.is_in_books(all.get(1))) else { return Ok(None) };
        tracing::warn!(
            file = %oldest.path.display(),
            "there is no room to archive a segment of the journal: the oldest of what is in the books is removed"
        );
        remove(&self.settings.folder, oldest)?;
        Ok(Some(oldest.first))
    }

    fn expire(&self, terms: &Terms, now: Timestamp) -> Result<(), JournalError> {
        let folder = &self.settings.folder;
        let all = archive::all(folder)?;
        let aside = expire_aside(folder, terms, now)?;
        let kept = self.kept(&all, now)?;
        let mut count = kept.len() as u64;
        let mut bytes = kept.iter().map(|one| one.bytes).fold(aside, u64::saturating_add);
        let mut for_age = 0;
        for one in kept {
            let age = now.since(one.written);
            let is_old = age > terms.keep && for_age < MOST_FOR_AGE;
            let is_due = is_old || bytes > terms.most_bytes;
            if !(is_due || self.is_without(self.room())) || !self.is_in_books(one.next) {
                break;
            }
            remove(folder, one.file)?;
            for_age += usize::from(is_old);
            (count, bytes) = (count.saturating_sub(1), bytes.saturating_sub(one.bytes));
            let (first, days) = (one.file.first, age.as_secs() / (24 * 3600));
            match is_due {
                true => tracing::info!(first, days, "an archived segment of the journal is removed"),
                false => {
                    tracing::warn!(first, days, "the disk is nearly full: an archived segment is removed");
                }
            }
        }
        self.state.archives.store(count, Ordering::Relaxed);
        self.state.archive_bytes.store(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// The archives, and what could be none, by rising sequence.
    fn kept<'a>(&self, all: &'a [SegmentFile], now: Timestamp) -> Result<Vec<Kept<'a>>, JournalError> {
        let mut kept = Vec::new();
        for (place, file) in all.iter().enumerate() {
            if archive::is_one(file) || self.unpacked.contains(&file.first) {
                let (bytes, written) = size_and_time(&file.path, now)?;
                kept.push(Kept { file, next: all.get(place + 1), bytes, written });
            }
        }
        // What was written while the clock was ahead is no younger than what came after it.
        let mut youngest = now;
        for one in kept.iter_mut().rev() {
            youngest = youngest.min(one.written);
            one.written = youngest;
        }
        Ok(kept)
    }

    /// The store has all before where `next` begins, as it says now.
    fn is_in_books(&self, next: Option<&SegmentFile>) -> bool {
        (self.position)().is_some_and(|position| is_drained(next, position))
    }

    /// Two segments: what the journal itself may need at any time, and what else is on the disk.
    fn room(&self) -> u64 {
        self.settings.segment_bytes.saturating_mul(2)
    }

    /// Whether the disk has no room for so many bytes.
    fn is_without(&self, bytes: u64) -> bool {
        let disk = rustix::fs::statvfs(&self.settings.folder);
        // A disk without a bound says that it has no blocks at all.
        disk.is_ok_and(|disk| disk.f_blocks > 0 && disk.f_bavail.saturating_mul(disk.f_frsize) < bytes)
    }

    /// The journal itself looks for room only when it begins a segment, which may be long after somebody made some.
    fn note_room(&self) {
        if self.state.is_short_of_room() && !self.is_without(self.room()) {
            self.state.is_short_of_room.store(false, Ordering::Relaxed);
        }
    }
}

/// Whether all of a segment is at or before `position`, by where the next one begins.
fn is_drained(next: Option<&SegmentFile>, position: Sequence) -> bool {
    next.is_some_and(|next| next.first <= position.saturating_add(1))
}

fn is_for_want_of_room(error: &JournalError) -> bool {
    matches!(error, JournalError::Io { source, .. }
        if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

/// Removes bytes that were kept aside for so long that nobody looks at them any more; gives those that are left.
fn expire_aside(folder: &Path, terms: &Terms, now: Timestamp) -> Result<u64, JournalError> {
    let (mut left, mut for_age) = (0_u64, 0);
    for path in quarantine::all(folder)? {
        let (bytes, written) = size_and_time(&path, now)?;
        if now.since(written) <= terms.keep || for_age >= MOST_FOR_AGE {
            left = left.saturating_add(bytes);
            continue;
        }
        fs::remove_file(&path).map_err(JournalError::io(&path))?;
        for_age += 1;
        tracing::info!(file = %path.display(), "broken bytes of the journal that were kept aside are removed");
    }
    Ok(left)
}

/// A file's bytes, and when it was written; as if now, if its file system does not say.
fn size_and_time(path: &Path, now: Timestamp) -> Result<(u64, Timestamp), JournalError> {
    let metadata = fs::metadata(path).map_err(JournalError::io(path))?;
    let written = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Ok((metadata.len(), written.map_or(now, |since| Timestamp::default().plus(since))))
}

fn remove(folder: &Path, segment: &SegmentFile) -> Result<(), JournalError> {
    fs::remove_file(&segment.path).map_err(JournalError::io(&segment.path))?;
    segment::sync_folder(segment.path.parent().unwrap_or(folder))
}
