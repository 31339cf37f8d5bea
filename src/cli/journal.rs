//! `tollgate journal`: a node's journal of usage records as it lies on the disk, of a node that runs or of none.
//!
//! Alone of all commands it reads the files of a node, and its store, by itself: they are looked at beside the program that writes
//! them. It changes nothing in them; what somebody gives up or accepts is noted beside them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::failure::{Failure, Outcome};
use super::journal_export::{ExportArguments, export};
use super::kept_journal::KeptInStore;
use super::screen::{Column, Format, Screen};
use crate::domain::hexadecimal::hexadecimal;
use crate::domain::id::NodeId;
use crate::journal::accepted::accept;
use crate::journal::archive;
use crate::journal::finding::Finding;
use crate::journal::frame::{Form, Sequence};
use crate::journal::given_up::give_up;
use crate::journal::kept_heads::{Compared, Comparison, Disagreement, KeptJournal};
use crate::journal::verify::{Content, SegmentContent, node_of, verify};

/// How long a node has to finish a group before its end is looked at again.
const PAUSE: Duration = Duration::from_millis(200);
/// Most findings that are shown to people.
const SHOWN: usize = 100;

#[derive(Debug, Args)]
pub(super) struct JournalArguments {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Args)]
struct Place {
    /// The node's data folder, which its journal is in
    #[arg(long, global = true, default_value = "data", value_name = "DIR", env = "TOLLGATE_DATA")]
    data: PathBuf,
    /// The journal's folder itself, such as a copy [default: journal in the data folder]
    #[arg(long, global = true, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Place {
    fn folder(&self) -> PathBuf {
        self.folder.clone().unwrap_or_else(|| self.data.join("journal"))
    }
}

#[derive(Debug, Subcommand)]
enum Action {
    /// What the journal holds: its segments and archives, their records, and the head of the chain behind each
    Inspect,
    /// Is every byte what was written? Exit status 3 if not
    ///
    /// Each record has a checksum, each group of them a seal over all that came before it; and the store keeps, with each batch that it
    /// takes, the head of that chain. So a byte that was changed is found, and records that were taken out, put in or made anew. The
    /// store is the one at TOLLGATE_STORE, or the SQLite file in the data folder. The journal of a node that runs may be verified too.
    /// Archived segments are looked over as the others are.
    Verify {
        /// The node, if no segment is left to tell it
        #[arg(long, value_name = "NAME")]
        node: Option<NodeId>,
        /// Look at the journal alone: it cannot be told then whether all of it was made anew, or its newest records were taken away
        #[arg(long)]
        without_store: bool,
    },
    /// Write its usage records as a file for a program
    Export(ExportArguments),
    /// Give up records that no file has any more
    ///
    /// A store that was put back to an older copy may lack records whose segments are kept no longer, or a segment may be missing between
    /// others. The node then waits at them, and says so: their files may come back. Once this is said they become one exception, and the
    /// node goes on behind them. Nothing that is there is given up.
    GiveUp {
        /// The last of them, as the node says
        #[arg(long, value_name = "N")]
        until: u64,
    },
    /// Have a segment be read that does not follow on the one before it
    ///
    /// A node waits at a segment that does not begin with the seal that the one before it ends with, and says so: it is of another journal,
    /// or one of the two was changed. The right file may be put in its place. If that is lost for good, this has the node read the segment
    /// as it is, and no other in its place; its records come into the books as those of this node. `verify` goes on to tell of it. Where
    /// the segment is wrong, and no records are wanted of it, take it away and give them up instead.
    Accept {
        /// The record with which it begins, as the node says
        #[arg(long, value_name = "N")]
        from: u64,
    },
}

pub(super) fn run(arguments: JournalArguments, screen: &Screen) -> Outcome {
    let place = arguments.place;
    match arguments.action {
        Action::Inspect => inspect(&place, screen),
        Action::Verify { node, without_store } => {
            let node = match without_store {
                true => None,
                false => node.map(|node| node.to_string()).or(node_of(&place.folder())?),
            };
            // First the store's position, then the folder: what a node writes meanwhile is in the folder alone.
            let store = match &node {
                Some(node) => KeptInStore::open(node, &place.data)?,
                None => None,
            };
            let Some(store) = store else {
                let content = verify(&place.folder(), PAUSE, &mut |_, _| {})?;
                return verified(&place, &content, None, screen);
            };
            let (content, compared) = compared(&place.folder(), &store)?;
            let told = verified(&place, &content, Some((&store.journal, &compared)), screen);
            store.close();
            told
        }
        Action::GiveUp { until } => {
            give_up(&place.folder(), until)?;
            screen.note(&format!("Records up to {until} that the books do not have are given up."))
        }
        Action::Accept { from } => {
            accept(&place.folder(), from)?;
            screen.note(&format!("The segment that begins with record {from} is read as it is."))
        }
        Action::Export(arguments) => export(&place.folder(), &arguments, screen),
    }
}

/// Looks a folder over, beside what a store kept of it.
fn compared(folder: &Path, store: &KeptInStore) -> Result<(Content, Compared), Failure> {
    let mut failed = None;
    let mut batches = |after: Sequence| match store.batches(after) {
        Ok(batches) => batches,
        Err(error) => {
            failed = Some(error);
            Vec::new()
        }
    };
    let first = before_first(folder).saturating_add(1);
    let mut comparison = Comparison::new(&store.journal, first, &mut batches);
    let content = verify(folder, PAUSE, &mut |sequence, head| comparison.passed(sequence, head))?;
    let compared = comparison.finish(&content);
    match failed {
        Some(error) => Err(error.into()),
        None => Ok((content, compared)),
    }
}

/// The record before the first one of a folder: of what the store took before, there is nothing here to compare. A folder that cannot be
/// read is told of when it is looked over.
fn before_first(folder: &Path) -> Sequence {
    let segments = archive::all(folder).unwrap_or_default();
    segments.first().map_or(0, |segment| segment.first.saturating_sub(1))
}

const CONTENT: &[Column] = &[
    ("folder", "/folder"),
    ("node", "/node"),
    ("identity", "/identity"),
    ("first record", "/first"),
    ("last record", "/last"),
    ("records", "/records"),
    ("groups", "/groups"),
    ("bytes", "/bytes"),
    ("head", "/head"),
    ("in the books up to", "/store/position"),
    ("batches compared", "/store/batches"),
    ("batches passed over", "/store/passed_over"),
    ("right", "/valid"),
];

const SEGMENTS: &[Column] = &[
    ("segment", "/file"),
    ("archived", "/archived"),
    ("form", "/form"),
    ("first record", "/first"),
    ("last record", "/last"),
    ("records", "/records"),
    ("groups", "/groups"),
    ("bytes", "/bytes"),
    ("head", "/head"),
];

fn inspect(place: &Place, screen: &Screen) -> Outcome {
    let content = verify(&place.folder(), PAUSE, &mut |_, _| {})?;
    let mut shown = shown(place, &content);
    let segments: Vec<Value> = content.segments.iter().map(segment).collect();
    if screen.format() == Format::Json {
        shown["segments"] = Value::from(segments);
        return screen.json(&shown);
    }
    screen.entry(&shown, CONTENT)?;
    screen.text("")?;
    screen.list(&segments, SEGMENTS, "The journal has no segments yet.")?;
    match content.findings.is_empty() {
        true => Ok(()),
        false => screen.note("Not all of it is right: see `tollgate journal verify`."),
    }
}

fn verified(
    place: &Place,
    content: &Content,
    kept: Option<(&KeptJournal, &Compared)>,
    screen: &Screen,
) -> Outcome {
    let mut shown = shown(place, content);
    let disagreements = kept.map(|(_, compared)| compared.disagreements.as_slice()).unwrap_or_default();
    let is_valid = content.findings.is_empty() && disagreements.is_empty();
    shown["valid"] = json!(is_valid);
    let store = kept.map(|(kept, compared)| {
        json!({ "position": kept.position, "batches": compared.batches, "passed_over": compared.passed_over })
    });
    shown["store"] = store.into();
    let findings = content.findings.iter().map(finding).chain(disagreements.iter().map(disagreement));
    let findings: Vec<Value> = findings.collect();
    shown["findings"] = Value::from(findings.clone());
    let shown = screen.entry(&shown, CONTENT);
    if !is_valid {
        let texts = findings.iter().filter_map(|finding| finding["text"].as_str());
        let mut text: String = texts.take(SHOWN).map(|text| format!("\n  {text}")).collect();
        if let Some(more) = findings.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            text.push_str(&format!("\n  and {more} more, all of which --output json shows"));
        }
        return Err(Failure::Invalid(format!("tollgate: the journal is not right:{text}")).beside(shown));
    }
    shown?;
    match kept {
        Some(_) => Ok(()),
        None => {
            screen.note("It was compared with no store: whether its newest records are there was not asked.")
        }
    }
}

fn shown(place: &Place, content: &Content) -> Value {
    let sum = |of: fn(&SegmentContent) -> u64| content.segments.iter().map(of).sum::<u64>();
    let head = content.segments.last().and_then(|segment| segment.head);
    json!({
        "folder": place.folder().display().to_string(),
        "node": content.segments.iter().rev().find_map(|segment| segment.node.clone()),
        "identity": content.identity,
        "first": content.segments.first().map(|segment| segment.first),
        "last": content.last(),
        "records": sum(|segment| segment.records),
        "groups": sum(|segment| segment.groups),
        "bytes": sum(|segment| segment.bytes),
        "head": head.map(|head| hexadecimal(&head)),
    })
}

fn segment(segment: &SegmentContent) -> Value {
    json!({
        "file": segment.file,
        "archived": segment.is_archived,
        "form": segment.form.map(|form| match form {
            Form::Plain => 1,
            Form::Sealed => 2,
        }),
        "first": segment.first,
        "last": segment.last,
        "records": segment.records,
        "groups": segment.groups,
        "bytes": segment.bytes,
        "head": segment.head.map(|head| hexadecimal(&head)),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({ "kind": finding.flaw.name(), "file": finding.file, "at": finding.at, "text": finding.to_string() })
}

fn disagreement(disagreement: &Disagreement) -> Value {
    json!({ "kind": disagreement.name(), "file": null, "at": null, "text": disagreement.to_string() })
}
