//! What is wrong in a policy set, or may not be meant: where, and what would be right.

use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::domain::location::Location;

/// Most diagnostics that a report shows.
const MAX_SHOWN: usize = 200;
/// Most characters of a source line that are shown.
const MAX_LINE: usize = 300;

/// One thing that is wrong, or may not be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where.
    pub location: Location,
    /// What.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The line as it stands in the file; of a very long one, what is around the place.
    pub source_line: String,
    /// Where in `source_line` the place is, in characters from 1.
    pub source_column: u32,
}

/// Everything that is wrong in a policy set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// By file and line; not more than a person would read.
    pub diagnostics: Vec<Diagnostic>,
    /// How many more there are.
    pub omitted: usize,
}

impl std::error::Error for Report {}

impl fmt::Display for Report {
    /// As rustc does it: message, place, source line, help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let renderer = Renderer::plain();
        for diagnostic in &self.diagnostics {
            writeln!(f, "{}\n", diagnostic.render(Level::ERROR, &renderer))?;
        }
        let count = self.diagnostics.len() + self.omitted;
        write!(f, "{count} {} in the policy set", if count == 1 { "error" } else { "errors" })?;
        match self.omitted {
            0 => Ok(()),
            _ => write!(f, "; the first {} are shown", self.diagnostics.len()),
        }
    }
}

impl Report {
    /// Of these diagnostics, in any order.
    #[must_use]
    pub fn new(mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by(|one, other| one.key().cmp(&other.key()));
        diagnostics.dedup();
        let omitted = diagnostics.len().saturating_sub(MAX_SHOWN);
        diagnostics.truncate(MAX_SHOWN);
        Self { diagnostics, omitted }
    }

    /// The report as JSON, for programs.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let errors: Vec<_> = self.diagnostics.iter().map(Diagnostic::to_json).collect();
        serde_json::json!({ "valid": errors.is_empty(), "errors": errors, "omitted": self.omitted })
    }
}

impl Diagnostic {
    /// At `location`, which lies in `line`.
    #[must_use]
    pub fn new(location: Location, message: String, help: Option<String>, line: &str) -> Self {
        let column = location.column as usize;
        let skipped = if column > MAX_LINE { column - MAX_LINE / 2 } else { 0 };
        let source_line = line.chars().skip(skipped).take(MAX_LINE).collect();
        let source_column = u32::try_from(column - skipped).unwrap_or(u32::MAX);
        Self { location, message, help, source_line, source_column }
    }

    /// As the text of a warning.
    #[must_use]
    pub fn to_warning(&self) -> String {
        self.render(Level::WARNING, &Renderer::plain())
    }

    /// As JSON, for programs.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "file": &*self.location.file,
            "line": self.location.line,
            "column": self.location.column,
            "message": self.message,
            "help": self.help,
            "source": self.source_line,
        })
    }

    fn key(&self) -> (&str, u32, u32, &str) {
        (&self.location.file, self.location.line, self.location.column, &self.message)
    }

    fn render(&self, level: Level<'static>, renderer: &Renderer) -> String {
        let line = self.source_line.as_str();
        let column = self.source_column as usize;
        let start = line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
        let length = line[start..].find([' ', ',', '}', ']']).filter(|length| *length > 0);
        let end = length.map_or(line.len(), |length| start + length);
        let snippet = Snippet::source(line)
            .line_start(self.location.line as usize)
            .path(&*self.location.file)
            .annotation(AnnotationKind::Primary.span(start..end));
        let mut group = level.primary_title(self.message.as_str()).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}
