//! Segments that are drained, compressed and kept for a while: `archive/NNN.segment.zst` holds the bytes of `NNN.segment`.
//!
//! An archive is one frame of zstd and a second one, which any program that reads zstd passes over, with the CRC-32C of all bytes before
//! it: so each byte is looked at, where zstd by itself ignores some.

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
/// zstd's own: a fifth of the time of more, for a tenth of the bytes more.
const LEVEL: i32 = 3;
/// Bytes that are read at once.
pub(super) const CHUNK: usize = 1 << 20;
/// Most bytes that a damaged archive is unpacked to: it may say anything. A segment has far less.
const MAX_UNPACKED: u64 = 512 << 20;
/// The begin of the second frame: its mark (RFC 8878, section 3.1.2) and its length.
const SUM_FRAME: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0];
const SUM_BYTES: usize = SUM_FRAME.len() + 4;

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
    let folder = folder.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(JournalError::Io { path: folder, source }),
    };
    let mut archives = Vec::new();
    for entry in entries {
        let path = entry.map_err(JournalError::io(&folder))?.path();
        let stem = path.file_name().and_then(|name| name.to_str()?.strip_suffix(ENDING));
        let first = stem.and_then(|stem| stem.parse::<i64>().ok());
        if let Some(first) = first.and_then(|first| Sequence::try_from(first).ok()) {
            archives.push(SegmentFile { path, first });
        }
    }
    archives.sort_by_key(|archive| archive.first);
    Ok(archives)
}

/// Whether a segment's file is an archive.
#[must_use]
pub fn is_one(segment: &SegmentFile) -> bool {
    segment.path.extension().is_some_and(|extension| extension == "zst")
}

/// The archive of the segment that begins with `first`, whether there is one or not.
fn path_of(folder: &Path, first: Sequence) -> PathBuf {
    folder.join(FOLDER).join(format!("{first:020}{ENDING}"))
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
    let body = whole.filter(|(body, sum)| *sum == sum_frame(crc32c::crc32c(body))).map(|(body, _)| body);
    let most = if body.is_some() { u64::MAX } else { MAX_UNPACKED };
    let mut bytes = Vec::new();
    let unpacked = Decoder::with_buffer(body.unwrap_or(&packed))
        .and_then(|decoder| decoder.single_frame().take(most).read_to_end(&mut bytes));
    let damage = match (unpacked, body) {
        (Err(error), _) => Some(error.to_string()),
        (Ok(_), None) => Some("its checksum is not that of its bytes".to_owned()),
        (Ok(_), Some(_)) => None,
    };
    Ok(Contents { bytes, damage })
}

fn sum_frame(crc: u32) -> [u8; SUM_BYTES] {
    let mut frame = [0; SUM_BYTES];
    let (begin, sum) = frame.split_at_mut(SUM_FRAME.len());
    begin.copy_from_slice(&SUM_FRAME);
    sum.copy_from_slice(&crc.to_le_bytes());
    frame
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
    let archives = folder.join(FOLDER);
    if !archives.is_dir() {
        fs::create_dir_all(&archives).map_err(JournalError::io(&archives))?;
        segment::sync_folder(folder)?;
    }
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
    file.write_all(&sum_frame(packed))?;
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
    fn what_is_not_to_go_on_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let segment = segment(folder.path(), &[7; 100]);
        assert!(pack(folder.path(), &segment, &|_| false).unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
        assert_eq!(all(folder.path()).unwrap(), [segment]);
    }
}
