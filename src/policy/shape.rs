//! Whether a file has the shape of its kind: every departure from the schema, in the product's words.

use std::sync::LazyLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::file::text::SPAN;
use super::places::{Place, escape};
use super::schema;
use super::source::Kind;
use super::tree::Tree;

/// Most departures that are looked for in one file.
const MAX_ERRORS: usize = 200;

/// A departure from the schema.
#[derive(Debug)]
pub struct Misshape {
    /// What departs.
    pub part: Part,
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// What departs from the schema, as a JSON Pointer.
#[derive(Debug)]
pub enum Part {
    /// A value.
    Value(String),
    /// A key that the schema does not know; the map is right without it.
    UnknownKey {
        /// The key.
        pointer: String,
        /// The key that it is like.
        meant: Option<String>,
    },
    /// A map that lacks a key.
    MissingKey {
        /// The map.
        pointer: String,
        /// What it lacks.
        key: String,
    },
}

impl Part {
    /// A pointer to the key that was meant by an unknown one.
    #[must_use]
    pub fn meant(&self) -> Option<String> {
        match self {
            Self::UnknownKey { pointer, meant: Some(meant) } => {
                let (outer, _) = pointer.rsplit_once('/')?;
                Some(format!("{outer}/{}", escape(meant)))
            }
            Self::UnknownKey { meant: None, .. } | Self::Value(_) | Self::MissingKey { .. } => None,
        }
    }

    /// A pointer to the key that is missing.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        match self {
            Self::MissingKey { pointer, key } => Some(format!("{pointer}/{}", escape(key))),
            Self::UnknownKey { .. } | Self::Value(_) => None,
        }
    }
}

/// Each kind's schema; making its validator takes milliseconds.
static SCHEMAS: LazyLock<Vec<(Kind, Value, Option<Validator>)>> = LazyLock::new(|| {
    let made = Kind::ALL.into_iter().map(|kind| {
        let schema = schema::of(kind);
        let validator = jsonschema::validator_for(&schema).ok();
        (kind, schema, validator)
    });
    made.collect()
});

/// Everything in `tree` that departs from the schema of `kind`.
#[must_use]
pub fn check(kind: Kind, tree: &Tree) -> Vec<Misshape> {
    let mut found = Vec::new();
    for (known, schema, validator) in &*SCHEMAS {
        if *known == kind {
            let errors = validator.iter().flat_map(|validator| validator.iter_errors(&tree.value));
            errors.take(MAX_ERRORS).for_each(|error| explain(&error, schema, tree, &mut found));
        }
    }
    found
}

fn explain(error: &ValidationError<'_>, schema: &Value, tree: &Tree, found: &mut Vec<Misshape>) {
    let pointer = error.instance_path().as_str();
    let mut add = |place: Place, message: String, help: Option<String>| {
        found.push(Misshape { part: Part::Value(pointer.to_owned()), place, message, help });
    };
    let shown = || shown(error.instance());
    let here = tree.place(pointer);
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = known_keys(error, schema);
            for key in unexpected {
                let inner = format!("{pointer}/{}", escape(key));
                found.push(Misshape {
                    place: tree.key_place(&inner),
                    part: Part::UnknownKey { pointer: inner, meant: nearest(key, &known).cloned() },
                    message: format!("there is no key {key} here"),
                    help: suggest(key, &known),
                });
            }
        }
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            let part = Part::MissingKey { pointer: pointer.to_owned(), key: key.to_owned() };
            let message = format!("the key {key} is missing");
            let wanted = self::part(error, schema).and_then(|part| part.get("properties")?.get(key));
            let help = wanted.and_then(|wanted| example(wanted, schema));
            let help = help.map(|example| format!("such as {key}: {example}"));
            found.push(Misshape { part, place: here, message, help });
        }
        ValidationErrorKind::Type { .. } => {
            let wanted = wanted_type(error, schema);
            let is_scalar = !matches!(&**error.instance(), Value::Null | Value::Array(_) | Value::Object(_));
            let help = match (wanted == "text" && is_scalar, is_span(error, schema)) {
                (true, true) => Some(format!("write it with its unit: {}s", shown())),
                (true, false) => Some(format!("put it in quotes: \"{}\"", shown())),
                (false, _) => None,
            };
            add(here, format!("this should be {wanted}"), help);
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<String> = strings(options);
            let given = error.instance().as_str().unwrap_or_default();
            let help = suggest(given, &options);
            add(here, format!("{} is not one of: {}", shown(), options.join(", ")), help);
        }
        // A key that may be left out is "this or nothing": what is wrong is wrong with this.
        ValidationErrorKind::AnyOf { context } if context.len() == 2 => {
            for inner in context.iter().take(1).flatten() {
                explain(inner, schema, tree, found);
            }
        }
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::AnyOf { .. } => {
            let options = constants(error, schema);
            let given = error.instance().as_str().unwrap_or_default();
            if options.is_empty() {
                add(here, format!("{} cannot stand here", shown()), None);
            } else {
                let help = suggest(given, &options);
                add(here, format!("{} is not one of: {}", shown(), options.join(", ")), help);
            }
        }
        ValidationErrorKind::Pattern { .. } if is_span(error, schema) && is_zero(error.instance()) => {
            let help = Some("write it like 500ms, 10s, 5m, 1h or 30d".to_owned());
            add(here, format!("{} must be longer than zero", shown()), help);
        }
        ValidationErrorKind::Pattern { .. } => {
            let description = described(error, schema);
            add(here, format!("{} has the wrong form", shown()), description);
        }
        ValidationErrorKind::Minimum { limit } => {
            add(here, format!("{} is too small: at least {limit}", shown()), None);
        }
        ValidationErrorKind::Maximum { limit } => {
            add(here, format!("{} is too large: at most {limit}", shown()), None);
        }
        ValidationErrorKind::MinProperties { .. } => {
            let known = known_keys(error, schema);
            add(here, "this map must not be empty".to_owned(), Some(format!("it has: {}", known.join(", "))));
        }
        ValidationErrorKind::MinItems { .. } => add(here, "this list must not be empty".to_owned(), None),
        _ => add(here, format!("{} cannot stand here", shown()), None),
    }
}

/// A value as it is told of: short, whatever it is.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
        Value::String(text) if text.chars().nth(60).is_some() => {
            format!("{:?}…", text.chars().take(60).collect::<String>())
        }
        other => other.to_string(),
    }
}

/// The part of the schema that an error comes from, without the keyword.
fn part<'s>(error: &ValidationError<'_>, schema: &'s Value) -> Option<&'s Value> {
    let path = error.schema_path().as_str();
    let outer = path.rsplit_once('/').map_or("", |(outer, _)| outer);
    follow(schema, outer)
}

/// Walks a schema path, through `$ref` as the validator did.
fn follow<'s>(schema: &'s Value, path: &str) -> Option<&'s Value> {
    let mut at = schema;
    for step in path.split('/').skip(1) {
        if step == "$ref" {
            let reference = at.get("$ref")?.as_str()?.strip_prefix('#')?;
            at = schema.pointer(reference)?;
        } else {
            let step = step.replace("~1", "/").replace("~0", "~");
            at = match at {
                Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
                other => other.get(&step)?,
            };
        }
    }
    Some(at)
}

/// A value that would be right, in one line of YAML, if the schema has examples of all that it must have.
fn example(wanted: &Value, schema: &Value) -> Option<String> {
    if let Some(example) = wanted.pointer("/examples/0") {
        return example.as_str().map(str::to_owned);
    }
    let reference = wanted.get("$ref").and_then(Value::as_str);
    let wanted = match reference {
        Some(reference) => schema.pointer(reference.strip_prefix('#')?)?,
        None => wanted,
    };
    let keys = wanted.get("required")?.as_array()?.iter().filter_map(Value::as_str);
    let properties = wanted.get("properties")?;
    let each = keys.map(|key| Some(format!("{key}: {}", example(properties.get(key)?, schema)?)));
    Some(format!("{{{}}}", each.collect::<Option<Vec<String>>>()?.join(", ")))
}

fn known_keys(error: &ValidationError<'_>, schema: &Value) -> Vec<String> {
    let properties = part(error, schema).and_then(|part| part.get("properties")).and_then(Value::as_object);
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

fn wanted_type(error: &ValidationError<'_>, schema: &Value) -> String {
    let wanted = part(error, schema).and_then(|part| part.get("type")).cloned().unwrap_or(Value::Null);
    let name = |kind: &str| match kind {
        "object" => "a map (key: value)",
        "array" => "a list",
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "null" => "nothing",
        _ => "something else",
    };
    match &wanted {
        Value::String(kind) => name(kind).to_owned(),
        Value::Array(kinds) => {
            let names: Vec<&str> =
                kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").map(name).collect();
            names.join(" or ")
        }
        _ => "of another type".to_owned(),
    }
}

/// Whether a span of time is wanted.
fn is_span(error: &ValidationError<'_>, schema: &Value) -> bool {
    part(error, schema).is_some_and(|part| part.get("pattern").and_then(Value::as_str) == Some(SPAN))
}

fn is_zero(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let unit = text.trim_start_matches('0');
    unit.len() < text.len() && matches!(unit, "" | "ms" | "s" | "m" | "h" | "d")
}

fn described(error: &ValidationError<'_>, schema: &Value) -> Option<String> {
    part(error, schema)?.get("description")?.as_str().map(str::to_owned)
}

/// The constants of a `oneOf` of documented enum values.
fn constants(error: &ValidationError<'_>, schema: &Value) -> Vec<String> {
    let part = part(error, schema);
    let options =
        part.and_then(|part| part.get("oneOf").or_else(|| part.get("anyOf"))).and_then(Value::as_array);
    options
        .into_iter()
        .flatten()
        .flat_map(|option| {
            let option = option
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| schema.pointer(reference.strip_prefix('#')?))
                .unwrap_or(option);
            let nested = option.get("oneOf").and_then(Value::as_array).into_iter().flatten();
            nested
                .chain(std::iter::once(option))
                .filter_map(|option| option.get("const")?.as_str())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn strings(options: &Value) -> Vec<String> {
    options.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Most names that a suggestion lists.
const MAX_LISTED: usize = 20;

/// "did you mean" for the known name that is nearest to `given`; else the list of all, or of the first ones.
#[must_use]
pub fn suggest(given: &str, known: &[String]) -> Option<String> {
    if let Some(name) = nearest(given, known) {
        return Some(format!("did you mean {name}?"));
    }
    let listed = known.get(..MAX_LISTED).unwrap_or(known).join(", ");
    match known.len().saturating_sub(MAX_LISTED) {
        _ if known.is_empty() => None,
        0 => Some(format!("there are: {listed}")),
        more => Some(format!("there are: {listed} and {more} more")),
    }
}

/// The known name that is nearest to `given`, if one is near.
#[must_use]
pub fn nearest<'n>(given: &str, known: &'n [String]) -> Option<&'n String> {
    let likeness = known.iter().map(|name| (strsim::jaro_winkler(given, name), name));
    let near = likeness.filter(|(likeness, _)| *likeness > 0.75);
    near.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, name)| name)
}
