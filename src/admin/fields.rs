//! Bodies of calls, taken strictly: every field is parsed to its type, and all that is wrong is told at once.
//!
//! A handler takes its fields by name, builds its value if all were right, and [`Fields::finish`]es: what was not
//! taken is an error too.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

use super::problem::{FieldError, Problem};
use crate::domain::scope::{Scope, ScopeSet};
use crate::policy::file::text::DurationText;

/// Longest body of a call, in bytes; beyond: 413.
const MAX_BODY: usize = 256 << 10;
/// How long a body may take; beyond: 408.
const BODY_TIME: Duration = Duration::from_secs(20);
/// Most entries of a list in a body.
const MAX_ENTRIES: usize = 100;

/// The fields of a body.
#[derive(Debug)]
pub(super) struct Fields {
    left: Map<String, Value>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Problem::UnsupportedMediaType);
        }
        let body = Limited::new(request.into_body(), MAX_BODY).collect();
        let body = match tokio::time::timeout(BODY_TIME, body).await {
            Err(_) => return Err(Problem::BodyTimeout),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Problem::BodyTooLarge),
            Ok(Err(_)) => return Err(Problem::NotJson("The body broke off.".to_owned())),
            Ok(Ok(body)) => body.to_bytes(),
        };
        Self::parse(&body)
    }
}

impl Fields {
    fn parse(body: &[u8]) -> Result<Self, Problem> {
        // serde_json bounds the depth itself.
        match serde_json::from_slice(body) {
            Ok(Value::Object(left)) => Ok(Self { left, known: Vec::new(), errors: Vec::new() }),
            Ok(_) => Err(Problem::NotJson("The body is JSON, but no object: it begins with {.".to_owned())),
            Err(error) => Err(Problem::NotJson(format!("The body is no JSON: {error}."))),
        }
    }

    /// A field that must be there.
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        match self.take(name) {
            Some(value) => self.parsed(name, parse(&value)),
            None => {
                self.wrong(name, "is missing".to_owned());
                None
            }
        }
    }

    /// A field that may be left out; `None` if it is wrong, `Some(None)` if it is not there.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match self.take(name) {
            Some(value) => self.parsed(name, parse(&value)).map(Some),
            None => Some(None),
        }
    }

    /// Fields that there are, and that this call cannot change; why, or by what else.
    pub(super) fn fixed(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            if self.left.remove(*name).is_some_and(|value| !value.is_null()) {
                self.wrong(name, format!("cannot be changed here: {why}"));
            }
        }
    }

    /// Something wrong with a field that was taken.
    pub(super) fn wrong(&mut self, name: &str, detail: String) {
        self.errors.push(FieldError { pointer: format!("/{name}"), detail });
    }

    /// Whether something was wrong with that field.
    pub(super) fn is_wrong(&self, name: &str) -> bool {
        let of_field = |error: &FieldError| error.pointer.strip_prefix('/') == Some(name);
        self.errors.iter().any(of_field)
    }

    /// What was built of the fields, if all of them were right.
    pub(super) fn finish<T>(mut self, built: Option<T>) -> Result<T, Problem> {
        for name in std::mem::take(&mut self.left).keys() {
            let known = self.known.join(", ");
            let detail = if known.is_empty() {
                "is not known here; this call takes no fields".to_owned()
            } else {
                format!("is not known here; there are: {known}")
            };
            // RFC 6901, section 3: "~" and "/" are escaped.
            self.wrong(
                &name.chars().take(64).collect::<String>().replace('~', "~0").replace('/', "~1"),
                detail,
            );
        }
        match built {
            Some(built) if self.errors.is_empty() => Ok(built),
            Some(_) | None => Err(Problem::Invalid(self.errors)),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        // A null is a field that was left out.
        self.left.remove(name).filter(|value| !value.is_null())
    }

    fn parsed<T>(&mut self, name: &str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|detail| self.wrong(name, detail)).ok()
    }
}

/// A text that is read as a `T`.
pub(super) fn text<T: FromStr>(value: &Value) -> Result<T, String>
where
    T::Err: Display,
{
    value.as_str().ok_or("must be a string")?.parse().map_err(|error: T::Err| error.to_string())
}

/// A name for people: 1 to 200 characters on one line.
pub(super) fn name(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or("must be a string")?.trim();
    let is_right = !text.is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control);
    if is_right { Ok(text.to_owned()) } else { Err("must have 1 to 200 characters on one line".to_owned()) }
}

/// True or false.
pub(super) fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "must be true or false".to_owned())
}

/// A span of time as policy files write it.
pub(super) fn span(value: &Value) -> Result<Duration, String> {
    let text = value.as_str().map(|text| DurationText(text.to_owned()));
    text.and_then(|text| text.duration())
        .ok_or_else(|| "must be a span of time such as 30m, 24h or 7d".to_owned())
}

/// One of a closed set, by name.
pub(super) fn one_of<T>(
    named: impl Fn(&str) -> Option<T>,
    names: &'static str,
) -> impl FnOnce(&Value) -> Result<T, String> {
    move |value| value.as_str().and_then(named).ok_or_else(|| format!("must be {names}"))
}

/// A list of texts.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, String> {
    let entries = value.as_array().ok_or("must be a list of strings")?;
    if entries.len() > MAX_ENTRIES {
        return Err(format!("has more than {MAX_ENTRIES} entries"));
    }
    let texts: Option<Vec<String>> = entries.iter().map(|entry| entry.as_str().map(str::to_owned)).collect();
    texts.ok_or_else(|| "must be a list of strings".to_owned())
}

/// A list of scopes.
pub(super) fn scopes(value: &Value) -> Result<ScopeSet, String> {
    texts(value)?.iter().map(|text| text.parse::<Scope>().map_err(|error| error.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::AppId;

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let mut fields = Fields::parse(br#"{"app":"a b","name":"","flag":1,"a/b":2}"#).unwrap();
        let app = fields.required("app", text::<AppId>);
        let _ = (fields.required("name", name), fields.optional("flag", flag), fields.required("kind", name));
        let Err(Problem::Invalid(errors)) = fields.finish(app) else { panic!("it was taken") };
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/app", "/name", "/flag", "/kind", "/a~1b"]);
    }

    #[test]
    fn a_null_is_a_field_left_out() {
        let mut fields = Fields::parse(br#"{"flag":null}"#).unwrap();
        let flag = fields.optional("flag", flag);
        assert_eq!(flag, Some(None));
        assert!(fields.finish(flag).is_ok());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in [&b""[..], b"[]", b"null", b"{", b"\xff", b"{\"a\":1}x"] {
            assert!(matches!(Fields::parse(body), Err(Problem::NotJson(_))));
        }
    }
}
