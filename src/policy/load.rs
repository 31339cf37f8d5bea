//! A folder of policy files → a [`Snapshot`], or everything that is wrong with it.
//!
//! Two stages: whether every file has the shape of its kind, then what all files mean together. The second looks at
//! every part that the first let pass, so that all mistakes are told at once.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::compile::compile;
use super::diagnostic::{Diagnostic, Report};
use super::places::{Place, escape};
use super::shape::{self, Part};
use super::snapshot::Snapshot;
use super::source::{Kind, Source, SourceFile};
use super::syntax;
use super::tree::Tree;
use crate::domain::location::Location;

const KINDS: &str = "there are: platform.yaml, scopes.yaml, upstreams.yaml, products.yaml, \
     routes/*.yaml, plans/*.yaml, and there may be announcements.yaml and approvals.yaml; in routes and plans, *.yml too";

/// Gives the values of `${env:NAME}` and `${file:PATH}` in policy files.
pub trait Values: Send + Sync {
    /// The value of the variable of that name, if there is one.
    fn value(&self, name: &str) -> Option<String>;

    /// What the file at that path holds, if it can be read.
    fn file(&self, _path: &str) -> Option<String> {
        None
    }

    /// Told of each variable that has no default, as `env:NAME` or `file:PATH`, and whether there is a value; says what becomes
    /// of a text without.
    fn needs(&self, _variable: &str, _is_there: bool) -> Absent {
        Absent::IsAMistake
    }
}

/// What becomes of a text that needs a value which is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It is a mistake: a node cannot do without.
    IsAMistake,
    /// It is left open, for who checks the files where the secrets are not: what the text gives is not looked at, and something
    /// that means nothing stands in its place. Nothing may be served by such a set.
    IsLeftOpen,
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
    /// Nothing is wrong with the files, but what has to be kept of them before they come into force cannot be.
    #[error("{0}")]
    Unavailable(String),
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
    let mut unknown = Vec::new();
    let mut documents = Vec::new();
    for file in &source.files {
        match Document::read(file, &mut diagnostics) {
            Some(document) => documents.push(document),
            None => unknown.extend(file.kind),
        }
    }
    for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_optional()) {
        if !source.files.iter().any(|file| file.kind == Some(kind)) {
            diagnostics.push(missing(kind));
            unknown.push(kind);
        }
    }
    // Under a misspelt key, everything that the file declares is unknown.
    unknown.extend(documents.iter().filter(|document| !document.declares()).map(|document| document.kind));
    compile(source, Documents { documents: &documents, unknown: &unknown }, values, diagnostics)
        .map_err(Report::new)
}

fn missing(kind: Kind) -> Diagnostic {
    let (file, help): (Arc<str>, _) = match kind {
        Kind::Platform
        | Kind::Scopes
        | Kind::Upstreams
        | Kind::Products
        | Kind::Announcements
        | Kind::Approvals => (format!("{}.yaml", kind.name()).into(), None),
        Kind::Routes => {
            ("routes/*.yaml".into(), Some("without a route, nobody can call anything".to_owned()))
        }
        Kind::Plans => ("plans/*.yaml".into(), Some("without a plan, no app can subscribe".to_owned())),
    };
    let message = format!("the set has no file {file}");
    Diagnostic::new(Location { file, line: 1, column: 1 }, message, help, "")
}

/// The files of a set that can be read.
#[derive(Debug, Clone, Copy)]
pub struct Documents<'d> {
    /// The files.
    pub documents: &'d [Document],
    /// Kinds of which a file cannot be read: what it declares is not known.
    pub unknown: &'d [Kind],
}

/// A file that is YAML. Parts of it may not have the shape of its kind; those cannot be decoded.
#[derive(Debug)]
pub struct Document {
    /// Its path.
    pub path: Arc<str>,
    /// Its kind.
    pub kind: Kind,
    tree: Tree,
    text: String,
    /// Where the lines of the text begin, in bytes; looked for when something is wrong.
    lines: OnceLock<Vec<usize>>,
    misshapen: Vec<String>,
}

impl Document {
    fn read(file: &SourceFile, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        let start = Place { line: 1, column: 1 };
        let mut document = Self {
            path: file.path.clone(),
            kind: file.kind.unwrap_or(Kind::Platform),
            tree: Tree::empty(),
            text: file.text.as_deref().unwrap_or_default().to_owned(),
            lines: OnceLock::new(),
            misshapen: Vec::new(),
        };
        let mut refuse = |place, message, help: Option<&str>| {
            diagnostics.push(document.diagnostic(place, message, help.map(str::to_owned)));
        };
        if file.kind.is_none() {
            refuse(start, "policy sets have no such file".to_owned(), Some(KINDS));
            return None;
        }
        let text = match &file.text {
            Ok(text) => text,
            Err(unread) => {
                refuse(Place { line: unread.line, column: 1 }, unread.reason.clone(), None);
                return None;
            }
        };
        document.tree = match Tree::parse(text) {
            Ok(tree) => tree,
            Err((place, message)) => {
                let told = syntax::told(text, place, &message);
                refuse(place, told.message, told.help.as_deref());
                return None;
            }
        };
        if document.tree.value.is_null() {
            diagnostics.push(document.diagnostic(start, "the file is empty".to_owned(), None));
            return None;
        }
        document.check_shape(diagnostics);
        Some(document)
    }

    /// Tells of every departure from the shape. Unknown keys are taken out, so that the rest can be decoded. A key that
    /// is missing because it is misspelt is one mistake, told where it stands.
    fn check_shape(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        let found = shape::check(self.kind, &self.tree);
        let meant: HashSet<String> = found.iter().filter_map(|wrong| wrong.part.meant()).collect();
        for wrong in found {
            let is_misspelt = wrong.part.missing().is_some_and(|missing| meant.contains(&missing));
            if !is_misspelt {
                diagnostics.push(self.diagnostic(wrong.place, wrong.message, wrong.help));
            }
            match wrong.part {
                Part::UnknownKey { pointer, .. } => self.tree.remove(&pointer),
                Part::Value(pointer) | Part::MissingKey { pointer, .. } => self.misshapen.push(pointer),
            }
        }
    }

    /// Whether what this kind of file declares can be known, though parts of it may be misshapen.
    fn declares(&self) -> bool {
        match self.kind {
            Kind::Platform | Kind::Plans | Kind::Announcements | Kind::Approvals => true,
            Kind::Scopes | Kind::Upstreams | Kind::Products | Kind::Routes => {
                self.has(&format!("/{}", self.kind.name()))
            }
        }
    }

    /// Pointers to the parts of the list or map at `pointer`.
    #[must_use]
    pub fn parts(&self, pointer: &str) -> Vec<String> {
        match self.tree.value.pointer(pointer) {
            Some(Value::Array(items)) => (0..items.len()).map(|index| format!("{pointer}/{index}")).collect(),
            Some(Value::Object(entries)) => {
                entries.keys().map(|key| format!("{pointer}/{}", escape(key))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The keys of the map at `pointer`.
    pub fn keys(&self, pointer: &str) -> impl Iterator<Item = &str> {
        let map = self.tree.value.pointer(pointer).and_then(Value::as_object);
        map.into_iter().flat_map(|map| map.keys().map(String::as_str))
    }

    /// The text at `pointer`.
    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.tree.value.pointer(pointer)?.as_str()
    }

    /// Whether the list or map at `pointer` is there, though parts of it may be misshapen.
    #[must_use]
    pub fn has(&self, pointer: &str) -> bool {
        matches!(self.tree.value.pointer(pointer), Some(Value::Array(_) | Value::Object(_)))
    }

    /// The part at `pointer` as its type; `None` if it is misshapen, which has been told of.
    ///
    /// # Errors
    /// What is wrong with a part that has its shape but is not of its type, such as a number out of range.
    pub fn decode<T: DeserializeOwned>(&self, pointer: &str) -> Option<Result<T, Diagnostic>> {
        let is_within = |inner: &String| {
            inner.strip_prefix(pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if self.misshapen.iter().any(is_within) {
            return None;
        }
        let value = self.tree.value.pointer(pointer)?;
        Some(T::deserialize(value).map_err(|error| self.wrong(pointer, error.to_string(), None)))
    }

    /// Pointers to every text that has `part` in it, and has its shape.
    #[must_use]
    pub fn texts_with(&self, part: &str) -> Vec<String> {
        let mut found = Vec::new();
        find_texts(&self.tree.value, part, &mut String::new(), &mut found);
        found.retain(|pointer| !self.misshapen.contains(pointer));
        found
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

    /// Something that is wrong with the key of the value at `pointer`.
    #[must_use]
    pub fn wrong_key(&self, pointer: &str, message: String) -> Diagnostic {
        self.diagnostic(self.tree.key_place(pointer), message, None)
    }

    /// Something that is wrong at a character (from 0) of `text`, the text at `pointer`. A text that does not stand in
    /// one piece in its line, as a folded or escaped one, is told of as a whole.
    #[must_use]
    pub fn wrong_within(
        &self,
        (pointer, text, offset): (&str, &str, u32),
        message: String,
        help: Option<String>,
    ) -> Diagnostic {
        let mut place = self.tree.place(pointer);
        let rest: String = self.line(place).chars().skip(place.column as usize - 1).collect();
        let quoted = rest.strip_prefix(['"', '\'']);
        if rest.starts_with(text) {
            place.column = place.column.saturating_add(offset);
        } else if quoted.is_some_and(|rest| rest.starts_with(text)) {
            place.column = place.column.saturating_add(offset).saturating_add(1);
        }
        self.diagnostic(place, message, help)
    }

    fn line(&self, place: Place) -> &str {
        let starts = self.lines.get_or_init(|| {
            std::iter::once(0)
                .chain(memchr::memchr_iter(b'\n', self.text.as_bytes()).map(|end| end + 1))
                .collect()
        });
        let rest = starts.get(place.line as usize - 1).and_then(|start| self.text.get(*start..));
        rest.unwrap_or_default().lines().next().unwrap_or_default()
    }

    fn locate(&self, place: Place) -> Location {
        Location { file: self.path.clone(), line: place.line, column: place.column }
    }

    fn diagnostic(&self, place: Place, message: String, help: Option<String>) -> Diagnostic {
        Diagnostic::new(self.locate(place), message, help, self.line(place))
    }
}

/// Adds a pointer to each text within `value`, which stands at `pointer`, that has `part` in it.
fn find_texts(value: &Value, part: &str, pointer: &mut String, found: &mut Vec<String>) {
    let mut within = |step: &str, inner: &Value| {
        let outer = pointer.len();
        pointer.push('/');
        pointer.push_str(step);
        find_texts(inner, part, pointer, found);
        pointer.truncate(outer);
    };
    match value {
        Value::String(text) if text.contains(part) => found.push(pointer.clone()),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| within(itoa::Buffer::new().format(index), item));
        }
        Value::Object(entries) => entries.iter().for_each(|(key, item)| within(&escape(key), item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
