//! Every way in which the admin API refuses, as a problem document (RFC 9457). The only file here with a refusal's
//! status.

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::domain::random::RandomUnavailable;
use crate::policy::diagnostic::Report;
use crate::store::StoreError;

/// One wrong field of a body, or one wrong parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldError {
    /// Where: a JSON Pointer (RFC 6901) into the body, or `?name` for a parameter of the query.
    pub(super) pointer: String,
    /// What is wrong, and what would be right.
    pub(super) detail: String,
}

/// Why a call was refused.
#[derive(Debug, Clone)]
pub(super) enum Problem {
    /// No admin token, or a wrong one.
    Unauthenticated,
    /// The admin token, whose it is, is good for reading alone.
    ReadOnly(String),
    /// There is no such path.
    NoSuchPath,
    /// The path takes other methods.
    MethodNotAllowed,
    /// There is no such thing.
    NotFound(&'static str),
    /// There is no such thing by the name that was given; the text tells which there are.
    NoSuchName(String),
    /// What should be made is there already, or the state of things does not allow it.
    Conflict(String),
    /// A period has ended, and is left open for what comes late.
    InGrace(String),
    /// The body is no JSON object.
    NotJson(String),
    /// The body is not called JSON.
    UnsupportedMediaType,
    /// The body is too long.
    BodyTooLarge,
    /// The body did not come in time.
    BodyTimeout,
    /// Fields or parameters are wrong; all of them.
    Invalid(Vec<FieldError>),
    /// The policy files are wrong; the policies in force stay.
    PolicyInvalid(Report),
    /// The policy files cannot be read; the policies in force stay.
    PolicyUnreadable(String),
    /// The policy files are right in themselves, but cannot follow those in force, which stay.
    PolicyRefused(String),
    /// Something that the answer needs is out of reach for now.
    Unavailable(&'static str),
    /// A fault of ours; the log has it.
    Internal,
}

/// The code, status and title of each.
#[must_use]
pub fn codes() -> Vec<(&'static str, u16, &'static str)> {
    let told = |problem: &Problem| (problem.code(), problem.status().as_u16(), problem.title());
    each().iter().map(told).collect()
}

/// One of each code.
fn each() -> [Problem; 17] {
    [
        Problem::Unauthenticated,
        Problem::ReadOnly(String::new()),
        Problem::NoSuchPath,
        Problem::MethodNotAllowed,
        Problem::NotFound(""),
        Problem::Conflict(String::new()),
        Problem::InGrace(String::new()),
        Problem::NotJson(String::new()),
        Problem::UnsupportedMediaType,
        Problem::BodyTooLarge,
        Problem::BodyTimeout,
        Problem::Invalid(Vec::new()),
        Problem::PolicyInvalid(Report::default()),
        Problem::PolicyUnreadable(String::new()),
        Problem::PolicyRefused(String::new()),
        Problem::Unavailable(""),
        Problem::Internal,
    ]
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::ReadOnly(_) => StatusCode::FORBIDDEN,
            Self::NoSuchPath | Self::NotFound(_) | Self::NoSuchName(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) | Self::InGrace(_) | Self::PolicyRefused(_) => StatusCode::CONFLICT,
            Self::NotJson(_) => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Invalid(_) | Self::PolicyInvalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::PolicyUnreadable(_) | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The stable code.
    fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "admin_token_invalid",
            Self::ReadOnly(_) => "admin_token_read_only",
            Self::NoSuchPath => "no_such_path",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotFound(_) | Self::NoSuchName(_) => "not_found",
            Self::Conflict(_) => "conflict",
            Self::InGrace(_) => "in_grace",
            Self::NotJson(_) => "body_not_json",
            Self::UnsupportedMediaType => "media_type_unsupported",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::Invalid(_) => "fields_invalid",
            Self::PolicyInvalid(_) => "policy_invalid",
            Self::PolicyUnreadable(_) => "policy_unreadable",
            Self::PolicyRefused(_) => "policy_refused",
            Self::Unavailable(_) => "unavailable",
            Self::Internal => "internal",
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "The admin token is missing or wrong",
            Self::ReadOnly(_) => "The admin token may only read",
            Self::NoSuchPath => "There is no such path",
            Self::MethodNotAllowed => "The path does not have this method",
            Self::NotFound(_) | Self::NoSuchName(_) => "There is no such thing",
            Self::Conflict(_) => "That does not fit what is there",
            Self::InGrace(_) => "The period is left open for what comes late",
            Self::NotJson(_) => "The body is not a JSON object",
            Self::UnsupportedMediaType => "The body must be application/json",
            Self::BodyTooLarge => "The body is too large",
            Self::BodyTimeout => "The body did not come in time",
            Self::Invalid(_) => "Some fields are wrong",
            Self::PolicyInvalid(_) => "The policy files are wrong",
            Self::PolicyUnreadable(_) => "The policy files cannot be read",
            Self::PolicyRefused(_) => "The policies cannot follow those in force",
            Self::Unavailable(_) => "The gateway cannot serve this for the moment",
            Self::Internal => "A fault of the gateway",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Unauthenticated => "Send the admin token as Authorization: Bearer TOKEN.".to_owned(),
            Self::ReadOnly(name) => format!(
                "The admin token of {name} is good for reading alone, and this call changes something: it needs a token \
                 whose access is write."
            ),
            Self::NoSuchPath => "The admin API has no such path.".to_owned(),
            Self::MethodNotAllowed => "The path is right, the method is not; see Allow.".to_owned(),
            Self::NotFound(what) => format!("There is no such {what}."),
            Self::NoSuchName(text)
            | Self::Conflict(text)
            | Self::InGrace(text)
            | Self::NotJson(text)
            | Self::PolicyUnreadable(text)
            | Self::PolicyRefused(text) => text.clone(),
            Self::UnsupportedMediaType => "Send the body with Content-Type: application/json.".to_owned(),
            Self::BodyTooLarge => "The admin API takes bodies of up to 256 KiB.".to_owned(),
            Self::BodyTimeout => "The body must be there within 20 seconds.".to_owned(),
            Self::Invalid(errors) => match errors.len() {
                1 => "One field is wrong.".to_owned(),
                count => format!("{count} fields are wrong."),
            },
            Self::PolicyInvalid(report) => {
                format!("The policies in force stay as they are.\n{report}")
            }
            Self::Unavailable(what) => format!("{what} is out of reach; the same call may succeed later."),
            Self::Internal => "The call failed by no fault of yours; the log says more.".to_owned(),
        }
    }

    fn errors(&self) -> Option<Value> {
        match self {
            Self::Invalid(errors) => Some(
                errors
                    .iter()
                    .map(|error| json!({ "pointer": error.pointer, "detail": error.detail }))
                    .collect(),
            ),
            Self::PolicyInvalid(report) => Some(report.to_json()["errors"].clone()),
            Self::Unauthenticated
            | Self::ReadOnly(_)
            | Self::NoSuchPath
            | Self::MethodNotAllowed
            | Self::NotFound(_)
            | Self::NoSuchName(_)
            | Self::Conflict(_)
            | Self::InGrace(_)
            | Self::NotJson(_)
            | Self::UnsupportedMediaType
            | Self::BodyTooLarge
            | Self::BodyTimeout
            | Self::PolicyUnreadable(_)
            | Self::PolicyRefused(_)
            | Self::Unavailable(_)
            | Self::Internal => None,
        }
    }

    /// The whole answer.
    pub(super) fn render(&self, request_id: &str, allow: Option<HeaderValue>) -> Response {
        let mut document = json!({
            "type": format!("urn:tollgate:problem:{}", self.code()),
            "title": self.title(),
            "status": self.status().as_u16(),
            "detail": self.detail(),
            "code": self.code(),
            "request_id": request_id,
        });
        if let Some(errors) = self.errors() {
            document["errors"] = errors;
        }
        let mut response = (self.status(), document.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self, Self::Unauthenticated) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tollgate admin\""));
        }
        if let Some(allow) = allow {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

impl IntoResponse for Problem {
    /// The problem alone: the request's id is added where the answer leaves (see `answer.rs`).
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { what } => Self::Conflict(taken(&what)),
            StoreError::Missing { what } => Self::NotFound(what),
            StoreError::Unavailable { .. } => {
                tracing::error!(%error, "an admin call failed: the store is out of reach");
                Self::Unavailable("The store")
            }
            StoreError::NewerSchema { .. } => {
                tracing::error!(%error, "an admin call failed: the store is a newer program's");
                Self::Unavailable("The store, which a newer program keeps by now,")
            }
            StoreError::Damaged { .. } | StoreError::Corrupt { .. } | StoreError::Address { .. } => {
                tracing::error!(%error, "an admin call failed");
                Self::Internal
            }
        }
    }
}

/// That a name is taken, of which `table.column` is known.
fn taken(what: &str) -> String {
    match what.split_once('.') {
        Some((table, column)) => {
            format!("Another {} has that {}.", table.replace('_', " "), column.replace('_', " "))
        }
        None => format!("{what} is taken."),
    }
}

impl From<RandomUnavailable> for Problem {
    fn from(error: RandomUnavailable) -> Self {
        tracing::error!(%error, "an admin call failed");
        Self::Unavailable("The machine's source of random bytes")
    }
}
