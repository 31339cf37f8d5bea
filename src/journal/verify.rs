//! Looks a journal's folder over, byte by byte: what is whole, what follows on what, and whether each seal is that of its group.
//! It changes nothing, and may run beside the journal's node.
//!
//! Of a folder alone it cannot be told whether its newest groups were taken away whole: that, the store knows (see
//! [`super::kept_heads`]).

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use super::archive::{self, Contents};
use super::chain::{self, Head};
use super::error::JournalError;
use super::finding::{Finding, Flaw};
use super::frame::{Form, SEGMENT_HEADER, SegmentHeader, Sequence, used};
use super::frames::{Found, Frame, Frames};
use super::identity;
use super::segment::{self, SegmentFile};

/// How often the last segment is looked at again while something in it is broken or its end has no seal: a node may be writing it.
const LOOKS: usize = 5;

/// What a segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentContent {
    /// The file's name.
    pub file: String,
    /// Whether it is archived.
    pub is_archived: bool,
    /// What it is made of; `None` if its header is broken.
    pub form: Option<Form>,
    /// The node whose it is, by its header.
    pub node: Option<String>,
    /// The first record that it is for.
    pub first: Sequence,
    /// The last record that it is known to have held; before `first` if it has none.
    pub last: Sequence,
    /// Whole records.
    pub records: u64,
    /// Groups: whole seals but for that of the segment before it.
    pub groups: u64,
    /// Bytes up to its last frame; there may be room allocated behind.
    pub bytes: u64,
    /// The chain's head at its end.
    pub head: Option<Head>,
}

/// What a folder holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// The journal's identity, if the folder has one.
    pub identity: Option<String>,
    /// Its segments by rising sequence, archives among them.
    pub segments: Vec<SegmentContent>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Content {
    /// The last record that it is known to have held; 0 if it never had any.
    #[must_use]
    pub fn last(&self) -> Sequence {
        self.segments.last().map_or(0, |segment| segment.last)
    }
}

/// Looks `folder` over, and gives each seal to `passed`: with the last record before it, and before them the head that the oldest
/// segment begins with. There may be more of them than memory holds.
///
/// While the end of the last segment has no seal, or something in that is broken, it is looked at again, a few times with `pause`
/// between.
///
/// # Errors
/// [`JournalError::Io`] if a file cannot be read, or [`JournalError::Missing`] if there is no such folder.
pub fn verify(
    folder: &Path,
    pause: Duration,
    passed: &mut dyn FnMut(Sequence, &Head),
) -> Result<Content, JournalError> {
    if !folder.is_dir() {
        return Err(JournalError::Missing(folder.to_owned()));
    }
    let mut walk = Walk { content: Content::default(), head: None, has_passed: false, passed };
    match identity::read(folder) {
        Ok(identity) => walk.content.identity = identity,
        Err(JournalError::Identity(_)) => walk.note("identity", 0, Flaw::Identity),
        Err(error) => return Err(error),
    }
    let segments = archive::all(folder)?;
    for (place, segment) in segments.iter().enumerate() {
        let next = segments.get(place + 1).map(|next| next.first);
        let Some(mut contents) = archive::read(folder, segment)? else {
            // It is kept no longer, and none before it.
            walk.forget();
            continue;
        };
        let mut looks = 1;
        while next.is_none() && looks < LOOKS && !is_settled(&contents.bytes, segment.first) {
            std::thread::sleep(pause);
            let Some(again) = archive::read(folder, segment)? else { break };
            (contents, looks) = (again, looks + 1);
        }
        walk.segment(segment, &contents, next);
    }
    walk.check_identity();
    Ok(walk.content)
}

/// The node whose journal is in `folder`, by the newest segment that says so.
///
/// # Errors
/// [`JournalError::Io`] if a file cannot be read, or [`JournalError::Missing`] if there is no such folder.
pub fn node_of(folder: &Path) -> Result<Option<String>, JournalError> {
    if !folder.is_dir() {
        return Err(JournalError::Missing(folder.to_owned()));
    }
    for segment in segment::list(folder)?.iter().rev() {
        let mut head = Vec::new();
        let read = File::open(&segment.path)
            .and_then(|file| file.take(SEGMENT_HEADER as u64).read_to_end(&mut head));
        match read {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(JournalError::Io { path: segment.path.clone(), source: error });
            }
            Ok(_) | Err(_) => {}
        }
        if let Some(header) = SegmentHeader::decode(&head) {
            return Ok(Some(header.node));
        }
    }
    Ok(None)
}

/// Whether nothing in it is broken and its last frame is a seal, or it has none under seals. Of a group that is written while it
/// is read, the end may be seen without the begin.
fn is_settled(bytes: &[u8], first: Sequence) -> bool {
    if SegmentHeader::decode(bytes).is_some_and(|header| header.form == Form::Plain) {
        return true;
    }
    let mut is_sealed = false;
    for frame in Frames::of(bytes, first) {
        match frame.found {
            Found::Broken => return false,
            Found::Seal(..) => is_sealed = true,
            Found::Record(..) | Found::Rest => is_sealed = false,
        }
    }
    is_sealed
}

/// What is known on the way from segment to segment.
struct Walk<'p> {
    content: Content,
    /// The chain's head before the next group, unless what it follows is broken.
    head: Option<Head>,
    /// Whether a seal was given away.
    has_passed: bool,
    passed: &'p mut dyn FnMut(Sequence, &Head),
}

/// What is known within a segment.
struct Group {
    file: String,
    /// Where the group begins.
    begin: usize,
    /// Whether something in it is broken.
    is_broken: bool,
}

impl Walk<'_> {
    /// Forgets what came before.
    fn forget(&mut self) {
        self.content.segments.clear();
        self.head = None;
    }

    fn note(&mut self, file: &str, at: usize, flaw: Flaw) {
        self.content.findings.push(Finding { file: file.to_owned(), at: at as u64, flaw });
    }

    /// A chain begins with the journal's identity.
    fn check_identity(&mut self) {
        let content = &self.content;
        let is_chained = content.segments.iter().any(|segment| segment.form == Some(Form::Sealed));
        let is_noted = content.findings.iter().any(|finding| finding.flaw == Flaw::Identity);
        if content.identity.is_none() && is_chained && !is_noted {
            self.note("identity", 0, Flaw::Identity);
        }
    }

    fn segment(&mut self, segment: &SegmentFile, contents: &Contents, next: Option<Sequence>) {
        let name = segment.path.file_name().unwrap_or_default().to_string_lossy();
        let is_archived = archive::is_one(segment);
        let file = if is_archived { format!("archive/{name}") } else { name.into_owned() };
        let (first, bytes) = (segment.first, contents.bytes.as_slice());
        if let Some(damage) = &contents.damage {
            self.note(&file, 0, Flaw::Archive(damage.clone()));
        }
        let header = SegmentHeader::decode(bytes);
        self.check_header(&file, header.as_ref(), first);
        let form = header.as_ref().map(|header| header.form);
        self.content.segments.push(SegmentContent {
            file: file.clone(),
            is_archived,
            form,
            node: header.map(|header| header.node),
            first,
            last: first.saturating_sub(1),
            records: 0,
            groups: 0,
            bytes: used(bytes) as u64,
            head: None,
        });
        let mut group = Group { file, begin: SEGMENT_HEADER, is_broken: false };
        let mut end = SEGMENT_HEADER;
        for frame in Frames::of(bytes, first) {
            let is_given_up = |sequence: Sequence| next.is_some_and(|next| sequence >= next);
            let is_opening = frame.at == SEGMENT_HEADER && form == Some(Form::Sealed);
            match frame.found {
                Found::Record(sequence, _) | Found::Seal(sequence, _) if is_given_up(sequence) => {
                    return self.note(&group.file, frame.at, Flaw::Leftover(bytes_of(frame.at, used(bytes))));
                }
                Found::Record(sequence, _) => {
                    if is_opening {
                        self.note(&group.file, frame.at, Flaw::OtherBefore);
                    }
                    self.reach(&group.file, frame.at, sequence);
                    self.last_segment(|segment| segment.records += 1);
                }
                Found::Seal(sequence, head) => self.seal(&mut group, bytes, &frame, (sequence, head)),
                Found::Broken => {
                    group.is_broken = true;
                    self.note(&group.file, frame.at, Flaw::Broken(bytes_of(frame.at, frame.end)));
                }
                Found::Rest if form == Some(Form::Plain) => {
                    self.note(&group.file, frame.at, Flaw::Broken(bytes_of(frame.at, frame.end)));
                }
                Found::Rest => {}
            }
            end = frame.end;
        }
        if form == Some(Form::Sealed) && end == SEGMENT_HEADER {
            self.note(&group.file, end, Flaw::OtherBefore);
            self.head = None;
        } else if form != Some(Form::Plain) && end > group.begin {
            self.note(&group.file, group.begin, Flaw::Unsealed(bytes_of(group.begin, end)));
            self.head = None;
        }
    }

    fn check_header(&mut self, file: &str, header: Option<&SegmentHeader>, first: Sequence) {
        let Some(header) = header else { return self.note(file, 0, Flaw::Header) };
        if header.first != first {
            self.note(file, 0, Flaw::OtherName(header.first));
        }
        let before = self.content.segments.last();
        let node = self.content.segments.iter().find_map(|segment| segment.node.as_deref());
        let other = node.filter(|node| *node != header.node).map(str::to_owned);
        let is_unchained =
            header.form == Form::Plain && before.is_some_and(|before| before.form == Some(Form::Sealed));
        let expected = before.map(|before| before.last.saturating_add(1));
        if let Some(other) = other {
            self.note(file, 0, Flaw::OtherNode { expected: other, found: header.node.clone() });
        }
        if is_unchained {
            self.note(file, 0, Flaw::Unchained);
        }
        if let Some(expected) = expected.filter(|expected| *expected < first) {
            self.note(file, 0, Flaw::Missing(expected, first - 1));
        }
    }

    /// The journal comes as far as record `found`.
    fn reach(&mut self, file: &str, at: usize, found: Sequence) {
        let reached = self.content.last();
        let expected = reached.saturating_add(1);
        if found < expected {
            return self.note(file, at, Flaw::OutOfOrder { expected, found });
        }
        if found > expected {
            self.note(file, at, Flaw::Missing(expected, found - 1));
        }
        self.last_segment(|segment| segment.last = found);
    }

    fn last_segment(&mut self, change: impl FnOnce(&mut SegmentContent)) {
        if let Some(segment) = self.content.segments.last_mut() {
            change(segment);
        }
    }

    fn seal(
        &mut self,
        group: &mut Group,
        bytes: &[u8],
        frame: &Frame<'_>,
        (sequence, head): (Sequence, Head),
    ) {
        let reached = self.content.last();
        if sequence > reached {
            self.note(&group.file, frame.at, Flaw::Missing(reached.saturating_add(1), sequence));
            self.last_segment(|segment| segment.last = sequence);
        } else if sequence < reached {
            self.note(&group.file, frame.at, Flaw::OutOfOrder { expected: reached, found: sequence });
        }
        let is_opening = frame.at == SEGMENT_HEADER;
        let expected = match is_opening {
            true => self.before_segment(),
            false => self.head.map(|before| chain::next(&before, &bytes[group.begin..frame.at])),
        };
        if expected.is_some_and(|expected| expected != head) && !group.is_broken {
            let flaw = if is_opening { Flaw::OtherBefore } else { Flaw::Seal(sequence) };
            self.note(&group.file, frame.at, flaw);
        }
        if !is_opening || !self.has_passed {
            self.has_passed = true;
            (self.passed)(sequence, &head);
        }
        self.last_segment(|segment| {
            segment.groups += u64::from(!is_opening);
            segment.head = Some(head);
        });
        self.head = Some(head);
        (group.begin, group.is_broken) = (frame.end, false);
    }

    /// The head that a segment has to begin with, if that is known: that of the one before it, or of a journal's beginning.
    fn before_segment(&self) -> Option<Head> {
        let segments = &self.content.segments;
        let (current, before) = segments.split_last()?;
        let begins_chain = match before.last() {
            Some(before) => before.form == Some(Form::Plain),
            None => current.first == 1,
        };
        if begins_chain {
            return Some(chain::begin(self.content.identity.as_deref()?, current.node.as_deref()?));
        }
        self.head
    }
}

fn bytes_of(begin: usize, end: usize) -> u64 {
    end.saturating_sub(begin) as u64
}
