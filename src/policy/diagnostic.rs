//! What is wrong in a policy set, where, and what would be right.

use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::domain::location::Location;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where.
    pub location: Location,
    /// What.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The line as it stands in the file.
    pub source_line: String,
}

/// Everything that is wrong in a policy set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// By file and line.
    pub diagnostics: Vec<Diagnostic>,
}

impl std::error::Error for Report {}

impl fmt::Display for Report {
    /// As rustc does it: message, place, source line, help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let renderer = Renderer::plain();
        for diagnostic in &self.diagnostics {
            writeln!(f, "{}\n", diagnostic.render(&renderer))?;
        }
        let count = self.diagnostics.len();
        write!(f, "{count} {} in the policy set", if count == 1 { "error" } else { "errors" })
    }
}

impl Report {
    /// The report as JSON, for programs.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let errors: Vec<_> = self
            .diagnostics
            .iter()
            .map(|diagnostic| {
                serde_json::json!({
                    "file": &*diagnostic.location.file,
                    "line": diagnostic.location.line,
                    "column": diagnostic.location.column,
                    "message": diagnostic.message,
                    "help": diagnostic.help,
                    "source": diagnostic.source_line,
                })
            })
            .collect();
        serde_json::json!({ "valid": errors.is_empty(), "errors": errors })
    }
}

impl Diagnostic {
    fn render(&self, renderer: &Renderer) -> String {
        let line = self.source_line.as_str();
        let column = self.location.column as usize;
        let start = line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
        let length = line[start..].find([' ', ',', '}', ']']).filter(|length| *length > 0);
        let end = length.map_or(line.len(), |length| start + length);
        let snippet = Snippet::source(line)
            .line_start(self.location.line as usize)
            .path(&*self.location.file)
            .annotation(AnnotationKind::Primary.span(start..end));
        let mut group = Level::ERROR.primary_title(self.message.as_str()).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}
