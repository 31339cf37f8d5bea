//! A folder of policy files → a [`Snapshot`], or everything that is wrong with it.
//!
//! Two stages: first every file has the shape of its kind, then what it means is checked as a whole.

use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::compile::compile;
use super::diagnostic::{Diagnostic, Report};
use super::shape;
use super::snapshot::Snapshot;
use super::source::{Kind, Source, SourceFile};
use super::tree::{Place, Tree};
use crate::domain::location::Location;

/// Gives the values of `${env:NAME}` in policy files.
pub trait Values: Send + Sync {
    /// The value of that name, if there is one.
    fn value(&self, name: &str) -> Option<String>;
}

/// No values at all: every default applies.
#[derive(Debug, Clone, Copy)]
pub struct NoValues;

impl Values for NoValues {
    fn value(&self, _: &str) -> Option<String> {
        None
    }
}

/// Why there is no snapshot.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoadError {
    /// The folder cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The files are wrong.
    #[error("{0}")]
    Invalid(Report),
    /// The files are right in themselves, but cannot follow what was in force before.
    #[error("{0}")]
    Refused(String),
}

/// Loads the policy set in `folder`.
///
/// # Errors
/// [`LoadError`], with all errors of all files.
pub fn load(folder: &Path, values: &dyn Values) -> Result<Snapshot, LoadError> {
    let source = Source::read(folder).map_err(LoadError::Unreadable)?;
    load_source(&source, values).map_err(LoadError::Invalid)
}

/// Loads a policy set that has been read.
///
/// # Errors
/// A [`Report`] of all errors of all files.
pub fn load_source(source: &Source, values: &dyn Values) -> Result<Snapshot, Report> {
    let mut diagnostics = Vec::new();
    let documents: Vec<Document> =
        source.files.iter().filter_map(|file| Document::read(file, &mut diagnostics)).collect();
    for kind in [Kind::Platform, Kind::Scopes, Kind::Upstreams, Kind::Products] {
        if !source.files.iter().any(|file| file.kind == Some(kind)) {
            diagnostics.push(missing(kind));
        }
    }
    if !diagnostics.is_empty() {
        return Err(report(diagnostics));
    }
    compile(source, &documents, values).map_err(report)
}

fn report(mut diagnostics: Vec<Diagnostic>) -> Report {
    diagnostics.sort_by(|one, other| {
        let key = |diagnostic: &Diagnostic| {
            (diagnostic.location.file.clone(), diagnostic.location.line, diagnostic.location.column)
        };
        key(one).cmp(&key(other))
    });
    Report { diagnostics }
}

fn missing(kind: Kind) -> Diagnostic {
    let file: Arc<str> = format!("{}.yaml", kind.name()).into();
    Diagnostic {
        message: format!("the set has no file {file}"),
        location: Location { file, line: 1, column: 1 },
        help: None,
        source_line: String::new(),
    }
}

/// A file that has the shape of its kind.
#[derive(Debug)]
pub struct Document {
    /// Its path.
    pub path: Arc<str>,
    /// Its kind.
    pub kind: Kind,
    tree: Tree,
    lines: Vec<String>,
}

impl Document {
    fn read(file: &SourceFile, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        let start = Place { line: 1, column: 1 };
        let lines = file.text.as_deref().unwrap_or_default().lines().map(str::to_owned).collect();
        let mut document = Self { path: file.path.clone(), kind: Kind::Platform, tree: Tree::empty(), lines };
        let before = diagnostics.len();
        match (file.kind, &file.text) {
            (None, _) => diagnostics.push(document.diagnostic(
                start,
                "policy sets have no such file".to_owned(),
                Some(
                    "there are: platform.yaml, scopes.yaml, upstreams.yaml, products.yaml, routes/*.yaml, plans/*.yaml"
                        .to_owned(),
                ),
            )),
            (Some(_), Err(reason)) => diagnostics.push(document.diagnostic(start, reason.clone(), None)),
            (Some(kind), Ok(text)) => match Tree::parse(text) {
                Err((place, message)) => diagnostics.push(document.diagnostic(place, message, None)),
                Ok(tree) => {
                    (document.kind, document.tree) = (kind, tree);
                    for wrong in shape::check(kind, &document.tree) {
                        diagnostics.push(document.diagnostic(wrong.place, wrong.message, wrong.help));
                    }
                }
            },
        }
        (diagnostics.len() == before).then_some(document)
    }

    /// The file as its type. `None` only if type and schema disagree, which a test rules out.
    #[must_use]
    pub fn decode<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_value(self.tree.value.clone()).ok()
    }

    /// Where the value at `pointer` stands.
    #[must_use]
    pub fn location(&self, pointer: &str) -> Location {
        self.locate(self.tree.place(pointer))
    }

    /// Where the key of the value at `pointer` stands.
    #[must_use]
    pub fn key_location(&self, pointer: &str) -> Location {
        self.locate(self.tree.key_place(pointer))
    }

    /// Something that is wrong with the value at `pointer`.
    #[must_use]
    pub fn wrong(&self, pointer: &str, message: String, help: Option<String>) -> Diagnostic {
        self.diagnostic(self.tree.place(pointer), message, help)
    }

    fn locate(&self, place: Place) -> Location {
        Location { file: self.path.clone(), line: place.line, column: place.column }
    }

    fn diagnostic(&self, place: Place, message: String, help: Option<String>) -> Diagnostic {
        let source_line = self.lines.get(place.line as usize - 1).cloned().unwrap_or_default();
        Diagnostic { location: self.locate(place), message, help, source_line }
    }
}
