//! Segments that are drained, compressed and kept for a while: `archive/NNN.segment.zst` holds the bytes of `NNN.segment`.
//!
//! An archive is one frame of zstd and a second one, which any program that reads zstd passes over, with the segment's length and the
//! CRC-32C of all bytes before that: so each byte is looked at, where zstd by itself ignores some, and nothing is unpacked without a bound.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use super::error::JournalError;
use super::frame::Sequence;
use super::segment::{self, SegmentFile};

/// Where they are in a journal's folder.
const FOLDER: &str = "archive";
const ENDING: &str = ".segment.zst";
/// What the names of segments' drafts end in, of archives and of copies that are kept aside.
const DRAFT: &str = ".segment.draft";
/// zstd's own: a fifth of the time of more, for a tenth of the bytes more.
const LEVEL: i32 = 3;
/// Bytes that are read at once.
pub(super) const CHUNK: usize = 1 << 20;
/// Most bytes that an archive is unpacked to: it may say anything. A segment has 64 MiB, and the one group more that ends it.
const MAX_UNPACKED: u64 = 256 << 20;
/// The begin of the second frame: its mark (RFC 8878, section 3.1.2) and its length.
const SUM_FRAME: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 12, 0, 0, 0];
/// Bytes of the second frame: its begin, the segment's length (u64) and the checksum (u32), little endian.
const SUM_BYTES: usize = SUM_FRAME.len() + 12;

/// The bytes of a segment.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) bytes: Vec<u8>,
    /// What is wrong with its archive, of which these are the bytes up to the damage; `None` of one that is whole, or no archive.
    pub(super) damage: Option<String>,
}

/// The segments of `folder` by rising sequence, archives among them.
///
/// # Errors
/// [`JournalError::Io`] if a folder cannot be read.
pub fn all(folder: &Path) -> Result<Vec<SegmentFile>, JournalError> {
    // In this order, what is packed meanwhile is in one of them at least.
    let plain = segment::list(folder)?;
    let mut all = list(folder)?;
    all.retain(|archive| plain.binary_search_by_key(&archive.first, |segment| segment.first).is_err());
    all.extend(plain);
    all.sort_by_key(|segment| segment.first);
    Ok(all)
}

/// The archives of `folder` by rising sequence.
///
/// # Errors
/// [`JournalError::Io`] if their folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<SegmentFile>, JournalError> {
    let folder = self::folder(folder);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(JournalError::Io { path: folder, source }),
    };
    let mut archives = Vec::new();
    for entry in entries {
        let path = entry.map_err(JournalError::io(&folder))?.path();
        if let Some(first) = segment::first_of(&path, ENDING) {
            archives.push(SegmentFile { path, first });
        }
    }
    archives.sort_by_key(|archive| archive.first);
    Ok(archives)
}

/// Where the archives of a journal's folder are.
pub(super) fn folder(journal: &Path) -> PathBuf {
    journal.join(FOLDER)
}

/// Removes what an archive, or a copy that is kept aside, has left that was not finished: it may be as large as a segment. Best effort: it
/// harms nobody.
pub(super) fn remove_drafts(journal: &Path) {
    let folders = [journal.to_owned(), folder(journal)];
    for entry in folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten()) {
        if entry.file_name().to_str().is_some_and(|name| name.ends_with(DRAFT)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a segment's file is an archive.
#[must_use]
pub fn is_one(segment: &SegmentFile) -> bool {
    segment.path.extension().is_some_and(|extension| extension == "zst")
}

/// The archive of the segment that begins with `first`, whether there is one or not.
fn path_of(folder: &Path, first: Sequence) -> PathBuf {
    folder.join(FOLDER).join(segment::named(first, ENDING))
}

/// The bytes of a segment of `folder`, from its archive if it was packed meanwhile; `None` if it is gone.
///
/// # Errors
/// [`JournalError::Io`].
pub(super) fn read(folder: &Path, segment: &SegmentFile) -> Result<Option<Contents>, JournalError> {
    if !is_one(segment) {
        match fs::read(&segment.path) {
            Ok(bytes) => return Ok(Some(Contents { bytes, damage: None })),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(JournalError::Io { path: segment.path.clone(), source }),
        }
    }
    let path = path_of(folder, segment.first);
    match unpack(&path) {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(JournalError::Io { path, source }),
    }
}

fn unpack(path: &Path) -> io::Result<Contents> {
    let packed = fs::read(path)?;
    let whole = packed.len().checked_sub(SUM_BYTES).and_then(|at| packed.split_at_checked(at));
    let whole = whole.and_then(|(body, sum)| Some((body, length_in(sum, crc32c::crc32c(body))?)));
    let (body, length) = whole.unwrap_or((&packed[..], MAX_UNPACKED));
    // One byte more than there should be is enough to notice.
    let most = length.min(MAX_UNPACKED).saturating_add(1);
    let mut bytes = Vec::new();
    if whole.is_some() && length <= MAX_UNPACKED {
        bytes.reserve_exact(usize::try_from(most).unwrap_or_default());
    }
    let unpacked = Decoder::with_buffer(body)
        .and_then(|decoder| decoder.single_frame().take(most).read_to_end(&mut bytes));
    let damage = match (unpacked, whole) {
        (Err(error), _) => Some(error.to_string()),
        (Ok(_), None) => Some("its checksum is not that of its bytes".to_owned()),
        (Ok(read), Some(_)) if read as u64 != length => Some(format!("it should hold {length} bytes")),
        (Ok(_), Some(_)) => None,
    };
    bytes.truncate(usize::try_from(length.min(MAX_UNPACKED)).unwrap_or_default());
    Ok(Contents { bytes, damage })
}

/// The second frame, of a segment of so many bytes whose archive up to there has this CRC-32C.
fn sum_frame(length: u64, crc: u32) -> [u8; SUM_BYTES] {
    let length = length.to_le_bytes();
    let crc = crc32c::crc32c_append(crc, &length).to_le_bytes();
    let mut frame = [0; SUM_BYTES];
    frame.iter_mut().zip(SUM_FRAME.into_iter().chain(length).chain(crc)).for_each(|(to, byte)| *to = byte);
    frame
}

/// The length that such a frame says; `None` if it is not the one for that checksum.
fn length_in(frame: &[u8], crc: u32) -> Option<u64> {
    let length = u64::from_le_bytes(*frame.get(SUM_FRAME.len()..)?.first_chunk()?);
    (*frame == sum_frame(length, crc)).then_some(length)
}

/// Packs a segment, durably, and reads the archive once more: whoever removes the segment then loses nothing. `go_on` is asked after each
/// [`CHUNK`]. Gives the archive's bytes; `None` if it was not to go on, and then there is none.
///
/// # Errors
/// [`JournalError::Io`]; then there is none.
pub(super) fn pack(
    folder: &Path,
    segment: &SegmentFile,
    go_on: &dyn Fn(usize) -> bool,
) -> Result<Option<u64>, JournalError> {
    let path = path_of(folder, segment.first);
    let archives = self::folder(folder);
    fs::create_dir_all(&archives).map_err(JournalError::io(&archives))?;
    // Each time: a process that was killed may have made it and not come as far as this.
    segment::sync_folder(folder)?;
    let draft = path.with_extension("draft");
    let packed = pack_to(&draft, &segment.path, go_on);
    if !matches!(packed, Ok(Some(_))) {
        let _ = fs::remove_file(&draft);
        return packed.map_err(JournalError::io(&path));
    }
    fs::rename(&draft, &path).map_err(JournalError::io(&path))?;
    segment::sync_folder(&archives)?;
    packed.map_err(JournalError::io(&path))
}

fn pack_to(draft: &Path, segment: &Path, go_on: &dyn Fn(usize) -> bool) -> io::Result<Option<u64>> {
    let mut from = File::open(segment)?;
    let length = from.metadata()?.len();
    if length > MAX_UNPACKED {
        return Err(io::Error::other(format!("it has {length} bytes, more than an archive may hold")));
    }
    let mut encoder = Encoder::new(Summed { file: File::create(draft)?, crc: 0 }, LEVEL)?;
    encoder.set_pledged_src_size(Some(length))?;
    encoder.include_checksum(true)?;
    let (mut chunk, mut crc) = (Vec::with_capacity(CHUNK), 0);
    loop {
        chunk.clear();
        if (&mut from).take(CHUNK as u64).read_to_end(&mut chunk)? == 0 {
            break;
        }
        crc = crc32c::crc32c_append(crc, &chunk);
        encoder.write_all(&chunk)?;
        if !go_on(chunk.len()) {
            return Ok(None);
        }
    }
    let Summed { mut file, crc: packed } = encoder.finish()?;
    file.write_all(&sum_frame(length, packed))?;
    file.sync_all()?;
    match unpacked_sum(draft)? == (length, crc) {
        true => Ok(Some(file.metadata()?.len())),
        false => Err(io::Error::other("the archive does not hold what was packed")),
    }
}

/// The length and the CRC-32C of what an archive holds.
fn unpacked_sum(path: &Path) -> io::Result<(u64, u32)> {
    let mut decoder = Decoder::new(File::open(path)?)?.single_frame();
    let (mut chunk, mut length, mut crc) = (Vec::with_capacity(CHUNK), 0, 0);
    loop {
        chunk.clear();
        let read = (&mut decoder).take(CHUNK as u64).read_to_end(&mut chunk)?;
        if read == 0 {
            return Ok((length, crc));
        }
        length += read as u64;
        crc = crc32c::crc32c_append(crc, &chunk);
    }
}

/// A file that is written, with the CRC-32C of what was.
struct Summed {
    file: File,
    crc: u32,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.crc = crc32c::crc32c_append(self.crc, &bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(folder: &Path, bytes: &[u8]) -> SegmentFile {
        let segment = SegmentFile { path: folder.join("00000000000000000007.segment"), first: 7 };
        fs::write(&segment.path, bytes).unwrap();
        segment
    }

    #[test]
    fn what_is_packed_is_read_as_it_was_and_each_byte_that_is_changed_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..3000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        let segment = segment(folder.path(), &bytes);
        let length = pack(folder.path(), &segment, &|_| true).unwrap().unwrap();
        assert!(length < bytes.len() as u64);
        fs::remove_file(&segment.path).unwrap();
        let contents = read(folder.path(), &segment).unwrap().unwrap();
        assert_eq!((contents.bytes == bytes, contents.damage), (true, None));
        let archives = all(folder.path()).unwrap();
        assert!(archives.len() == 1 && archives[0].first == 7 && is_one(&archives[0]));

        let packed = fs::read(&archives[0].path).unwrap();
        for at in 0..packed.len() {
            let mut harmed = packed.clone();
            harmed[at] ^= 1 << (at % 8);
            fs::write(&archives[0].path, harmed).unwrap();
            assert!(read(folder.path(), &segment).unwrap().unwrap().damage.is_some(), "byte {at}");
            fs::write(&archives[0].path, &packed[..at]).unwrap();
            assert!(read(folder.path(), &segment).unwrap().unwrap().damage.is_some(), "cut at {at}");
        }
        fs::remove_file(&archives[0].path).unwrap();
        assert!(read(folder.path(), &segment).unwrap().is_none());
    }

    #[test]
    fn an_archive_that_unpacks_to_more_than_it_says_is_damaged_and_unpacked_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let segment = segment(folder.path(), &[7; 100_000]);
        pack(folder.path(), &segment, &|_| true).unwrap().unwrap();
        fs::remove_file(&segment.path).unwrap();
        let path = path_of(folder.path(), 7);
        let packed = fs::read(&path).unwrap();
        let body = &packed[..packed.len() - SUM_BYTES];
        for (says, expected) in [(99_999, 99_999), (100_001, 100_000), (u64::MAX, 100_000), (0, 0)] {
            fs::write(&path, [body, &sum_frame(says, crc32c::crc32c(body))].concat()).unwrap();
            let contents = read(folder.path(), &segment).unwrap().unwrap();
            assert_eq!((contents.bytes.len(), contents.damage.is_some()), (expected, true), "{says}");
        }
    }

    #[test]
    fn drafts_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        remove_drafts(folder.path());
        let segment = segment(folder.path(), &[7; 100]);
        pack(folder.path(), &segment, &|_| true).unwrap().unwrap();
        let drafts = [
            path_of(folder.path(), 9).with_extension("draft"),
            segment.path.with_extension("segment.corrupt").with_extension("draft"),
            segment.path.with_extension("segment.cut-200").with_extension("draft"),
        ];
        let others = [segment.path, path_of(folder.path(), 7), folder.path().join("given-up.draft")];
        for file in drafts.iter().chain([&others[2]]) {
            fs::write(file, "half of it").unwrap();
        }
        remove_drafts(folder.path());
        assert!(!drafts.iter().any(|draft| draft.exists()), "{drafts:?}");
        assert!(others.iter().all(|file| file.exists()), "{others:?}");
    }

    #[test]
    fn what_is_not_to_go_on_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let segment = segment(folder.path(), &[7; 100]);
        assert!(pack(folder.path(), &segment, &|_| false).unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
        assert_eq!(all(folder.path()).unwrap(), [segment]);
    }
}
