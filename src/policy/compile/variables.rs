//! `${env:NAME}` and `${file:PATH}`: replaced where a place or a secret may come from outside, refused elsewhere.

use super::super::load::{Absent, Document, Values};
use super::super::source::Kind;
use super::set::Compiling;

/// Where variables are replaced, by kind of file and the last key but one of the text's pointer.
const REPLACED: [(Kind, &str); 4] = [
    (Kind::Platform, "provider"),
    (Kind::Upstreams, "endpoints"),
    (Kind::Upstreams, "oauth2"),
    (Kind::Routes, "set_headers"),
];

/// A text with its variables replaced.
#[derive(Debug)]
pub(super) enum Substituted {
    /// What it gives.
    Known(String),
    /// A value is not there, and [`Absent::IsLeftOpen`].
    Open,
}

/// Replaces each `${env:NAME}`, `${file:PATH}`, and either with `:-default`, by its value.
pub(super) fn substitute(text: &str, values: &dyn Values) -> Result<Substituted, String> {
    let mut result = String::new();
    let mut is_open = false;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, after) =
            after.split_once('}').ok_or_else(|| format!("{text:?} has ${{ without }}"))?;
        let (variable, default) = match variable.split_once(":-") {
            Some((variable, default)) => (variable, Some(default.to_owned())),
            None => (variable, None),
        };
        let (value, missing) = match variable.split_once(':') {
            Some(("env", name)) => (values.value(name), format!("the variable {name} is not set")),
            Some(("file", path)) => (values.file(path), format!("the file {path} cannot be read")),
            _ => {
                return Err(format!(
                    "${{{variable}}} is not known here; write ${{env:NAME}}, ${{env:NAME:-default}} or ${{file:PATH}}"
                ));
            }
        };
        let absent = match default {
            Some(_) => Absent::IsAMistake,
            None => values.needs(variable, value.is_some()),
        };
        result.push_str(before);
        match (value.or(default), absent) {
            (Some(value), _) => result.push_str(value.trim()),
            (None, Absent::IsAMistake) => return Err(missing),
            (None, Absent::IsLeftOpen) => is_open = true,
        }
        rest = after;
    }
    result.push_str(rest);
    Ok(if is_open { Substituted::Open } else { Substituted::Known(result) })
}

/// Whether a text is one variable and nothing else, without a default: so no secret stands in it.
pub(super) fn is_reference(text: &str) -> bool {
    let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let named = inner.and_then(|inner| inner.strip_prefix("env:").or_else(|| inner.strip_prefix("file:")));
    named.is_some_and(|name| !name.is_empty() && !name.contains(":-") && !name.contains(['$', '{', '}']))
}

/// Refuses `${` where it would be taken as it stands.
pub(super) fn refuse_elsewhere(compiling: &mut Compiling<'_>) {
    for kind in Kind::ALL {
        for document in compiling.of(kind) {
            for pointer in document.texts_with("${") {
                if !is_replaced(document, &pointer) {
                    let message = "${…} is not replaced here".to_owned();
                    let help =
                        "variables stand in an upstream's endpoints and oauth2, a route's set_headers, and the addresses of issuers"
                            .to_owned();
                    compiling.wrong(document, &pointer, message, Some(help));
                }
            }
        }
    }
}

fn is_replaced(document: &Document, pointer: &str) -> bool {
    if let Some(("issuers", rest)) = pointer.trim_start_matches('/').split_once('/') {
        let field = rest.split_once('/').map(|(_, field)| field);
        return document.kind == Kind::Platform && matches!(field, Some("issuer" | "keys" | "audience"));
    }
    let within = pointer.rsplit('/').nth(1);
    REPLACED.into_iter().any(|(kind, key)| kind == document.kind && within == Some(key))
}
