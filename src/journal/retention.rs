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
use super::segment::{self, SegmentFile};
use super::state::State;
use crate::domain::time::Timestamp;

/// For how long archives are kept, and how many.
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

/// Packs what is drained and removes what is to be kept no longer. `position` is the store's; `goes_on` is asked now and then.
///
/// # Errors
/// [`JournalError::Io`]; what is not done is done the next time.
pub fn tend(
    settings: &JournalSettings,
    state: &State,
    position: Sequence,
    (terms, now): (&Terms, Timestamp),
    goes_on: &dyn Fn() -> bool,
) -> Result<(), JournalError> {
    let tended = pack_drained(settings, state, position, goes_on).and_then(|()| {
        let kept = expire(settings, position, terms, now)?;
        state.archives.store(kept.count, Ordering::Relaxed);
        state.archive_bytes.store(kept.bytes, Ordering::Relaxed);
        Ok(())
    });
    if tended.is_err() {
        state.archive_failures.fetch_add(1, Ordering::Relaxed);
    }
    tended
}

fn pack_drained(
    settings: &JournalSettings,
    state: &State,
    position: Sequence,
    goes_on: &dyn Fn() -> bool,
) -> Result<(), JournalError> {
    let segments = segment::list(&settings.folder)?;
    let drained = segments.windows(2).take_while(|pair| is_drained(Some(&pair[1]), position)).count();
    let due = &segments[..drained.saturating_sub(settings.kept_segments)];
    let rest = if due.len() > BEHIND { Duration::ZERO } else { REST };
    let paced = |packed: usize| {
        std::thread::sleep(rest.saturating_mul(packed as u32) / archive::CHUNK as u32);
        goes_on()
    };
    for segment in due {
        if !goes_on() {
            return Ok(());
        }
        match archive::pack(&settings.folder, segment, &paced) {
            Ok(Some(bytes)) => {
                remove(&settings.folder, segment)?;
                state.packed.fetch_add(1, Ordering::Relaxed);
                tracing::info!(
                    first = segment.first,
                    bytes,
                    "a segment of the journal that is in the books is archived"
                );
            }
            Ok(None) => return Ok(()),
            Err(error) if is_for_want_of_room(&error) => make_room(&settings.folder, segment, position)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether all of a segment is at or before `position`, by where the next one begins.
fn is_drained(next: Option<&SegmentFile>, position: Sequence) -> bool {
    next.is_some_and(|next| next.first <= position.saturating_add(1))
}

fn is_for_want_of_room(error: &JournalError) -> bool {
    matches!(error, JournalError::Io { source, .. }
        if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

/// On a disk that is full, records that are still to come count for more than those that are in the books.
fn make_room(folder: &Path, segment: &SegmentFile, position: Sequence) -> Result<(), JournalError> {
    let all = archive::all(folder)?;
    let oldest = all.first().filter(|oldest| archive::is_one(oldest) && is_drained(all.get(1), position));
    let goes = oldest.unwrap_or(segment);
    tracing::warn!(
        file = %goes.path.display(),
        "there is no room to archive a segment of the journal: the oldest of what is in the books is removed"
    );
    remove(folder, goes)
}

/// The archives that there are.
#[derive(Default)]
struct Kept {
    count: u64,
    bytes: u64,
}

fn expire(
    settings: &JournalSettings,
    position: Sequence,
    terms: &Terms,
    now: Timestamp,
) -> Result<Kept, JournalError> {
    let folder = &settings.folder;
    let all = archive::all(folder)?;
    let mut kept = Kept::default();
    let mut ages = Vec::new();
    for (place, archive) in all.iter().enumerate().filter(|(_, segment)| archive::is_one(segment)) {
        let metadata = fs::metadata(&archive.path).map_err(JournalError::io(&archive.path))?;
        let written = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let written = written.map_or(now, |since| Timestamp::default().plus(since));
        kept = Kept { count: kept.count + 1, bytes: kept.bytes.saturating_add(metadata.len()) };
        ages.push((archive, all.get(place + 1), metadata.len(), now.since(written)));
    }
    for (archive, next, bytes, age) in ages {
        let (is_old, is_too_much) = (age > terms.keep, kept.bytes > terms.most_bytes);
        let is_tight = || is_without_room(folder, settings.segment_bytes);
        if !is_drained(next, position) || !(is_old || is_too_much || is_tight()) {
            break;
        }
        remove(folder, archive)?;
        kept = Kept { count: kept.count.saturating_sub(1), bytes: kept.bytes.saturating_sub(bytes) };
        let days = age.as_secs() / (24 * 3600);
        match is_old || is_too_much {
            true => {
                tracing::info!(first = archive.first, days, "an archived segment of the journal is removed")
            }
            false => {
                tracing::warn!(
                    first = archive.first,
                    days,
                    "the disk is nearly full: an archived segment is removed"
                );
            }
        }
    }
    Ok(kept)
}

/// Whether the disk has no room for two segments any more: for the journal's own, and for what else is there.
fn is_without_room(folder: &Path, segment_bytes: u64) -> bool {
    let free = rustix::fs::statvfs(folder).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    free.is_ok_and(|free| free < segment_bytes.saturating_mul(2))
}

fn remove(folder: &Path, segment: &SegmentFile) -> Result<(), JournalError> {
    fs::remove_file(&segment.path).map_err(JournalError::io(&segment.path))?;
    segment::sync_folder(segment.path.parent().unwrap_or(folder))
}
