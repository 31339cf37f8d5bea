//! `tollgate policy diff`, and `policy check --against`: what another set of policies changes for those who use it.

use std::path::Path;

use anyhow::anyhow;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::{Environment, loaded};
use crate::cli::failure::{Failure, Outcome};
use crate::cli::node::{Node, NodeArguments};
use crate::cli::screen::{Column, Format, Screen};
use crate::domain::time::Clock;
use crate::policy::compare::announced::{Unannounced, unannounced};
use crate::policy::compare::change::Change;
use crate::policy::compare::{compare, markdown, to_json};
use crate::policy::load::load_source;
use crate::policy::snapshot::Snapshot;
use crate::policy::source::{Kind, Source, SourceFile};
use crate::server::clock::SystemClock;

/// What stands for the set in force on a running node, where a folder might stand.
const OF_NODE: &str = "node";

/// How changes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shape {
    /// A table, for people
    Table,
    /// One JSON value, for programs
    Json,
    /// Tables in Markdown, for a change request
    Markdown,
}

/// Two sets that were compared, by their content hashes.
pub(super) struct Compared {
    old: String,
    new: String,
    changes: Vec<Change>,
    /// What of them a node would refuse.
    refused: Option<Unannounced>,
}

pub(super) fn diff((old, new): (&Path, &Path), shape: Option<Shape>, screen: &Screen) -> Outcome {
    let [old, new] =
        [old, new].map(|folder| loaded(folder, screen).map_err(|failure| within(folder, failure)));
    let shape = shape.unwrap_or(match screen.format() {
        Format::Human => Shape::Table,
        Format::Json => Shape::Json,
    });
    Compared::of(&old?, &new?).show(shape, screen)
}

/// Which of two folders is not right.
fn within(folder: &Path, failure: Failure) -> Failure {
    match failure {
        Failure::Invalid(report) => Failure::Invalid(format!("in {}:\n\n{report}", folder.display())),
        other => other,
    }
}

const COLUMNS: &[Column] = &[
    ("class", "/class"),
    ("of", "/subject"),
    ("part", "/part"),
    ("before", "/before"),
    ("after", "/after"),
    ("from", "/from"),
    ("existing", "/existing"),
    ("where", "/place"),
];

impl Compared {
    fn of(old: &Snapshot, new: &Snapshot) -> Self {
        let now = SystemClock::new().now();
        Self {
            old: old.hash.as_str().to_owned(),
            new: new.hash.as_str().to_owned(),
            changes: compare(old, new, now),
            refused: unannounced(old, new, now),
        }
    }

    /// Why a node would not take the new set after the old one, as far as the files tell.
    pub(super) fn verdict(&self) -> Outcome {
        match &self.refused {
            Some(refused) => Err(Failure::Invalid(format!("tollgate: {refused}"))),
            None => Ok(()),
        }
    }

    /// What a set changes of the one in a folder, or of the one that a node has in force.
    pub(super) fn against(
        against: &Path,
        new: &Snapshot,
        node: &NodeArguments,
        screen: &Screen,
    ) -> Result<Self, Failure> {
        let old = match against == Path::new(OF_NODE) {
            true => in_force(&node.node()?)?,
            false => loaded(against, screen).map_err(|failure| within(against, failure))?,
        };
        Ok(Self::of(&old, new))
    }

    pub(super) fn to_json(&self) -> Value {
        let changes: Vec<Value> = self.changes.iter().map(to_json).collect();
        json!({ "old": self.old, "new": self.new, "changes": changes })
    }

    pub(super) fn show(&self, shape: Shape, screen: &Screen) -> Outcome {
        match shape {
            Shape::Json => screen.json(&self.to_json()),
            Shape::Markdown => screen.text(&markdown((&self.old, &self.new), &self.changes)),
            Shape::Table => {
                let changes: Vec<Value> = self.changes.iter().map(to_json).collect();
                let nothing = "Nothing that is compared is another.";
                Screen::new(Format::Human).list(&changes, COLUMNS, nothing)
            }
        }
    }
}

/// The set that a node has in force, as far as it is right where no secrets are.
fn in_force(node: &Node) -> Result<Snapshot, Failure> {
    let answer = node.get("/admin/policy/files")?;
    let file = |file: &Value| {
        let (path, text) = (file["path"].as_str()?, file["text"].as_str()?);
        Some(SourceFile { path: path.into(), kind: Kind::of(path), text: Ok(text.to_owned()) })
    };
    let files: Option<Vec<SourceFile>> =
        answer["files"].as_array().and_then(|files| files.iter().map(file).collect());
    let files = files.ok_or_else(|| anyhow!("the node does not tell its policy files"))?;
    let set = load_source(&Source { files }, &Environment::default());
    Ok(set.map_err(|report| anyhow!("this program does not take what the node has in force:\n\n{report}"))?)
}
