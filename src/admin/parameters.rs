//! Parameters of a query, taken as strictly as fields of a body, and the id in a path.

use std::convert::Infallible;
use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use super::problem::{FieldError, Problem};
use crate::store::Page;
use crate::store::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};

/// Longest cursor of a list, in bytes: ids have 128 at most, and a few lists go by two of them.
const MAX_CURSOR: usize = 300;

/// The id, or name, that the path has in its place for one.
#[derive(Debug)]
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) = Path::from_request_parts(parts, state).await.map_err(|_| Problem::NoSuchPath)?;
        Ok(Self(id))
    }
}

/// The two ids that the path has in its places for them.
#[derive(Debug)]
pub(super) struct Ids(pub(super) String, pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Ids {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let ids = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((one, other)) = ids.map_err(|_| Problem::NoSuchPath)?;
        Ok(Self(one, other))
    }
}

/// The parameters of a query.
#[derive(Debug)]
pub(super) struct Parameters {
    left: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self { left: form_urlencoded::parse(query.as_bytes()).into_owned().collect(), errors: Vec::new() })
    }
}

impl Parameters {
    /// A parameter that may be left out; `None` if it is wrong, too.
    pub(super) fn optional<T: FromStr>(&mut self, name: &str) -> Option<T>
    where
        T::Err: Display,
    {
        let at = self.left.iter().position(|(sent, _)| sent == name)?;
        let (_, value) = self.left.remove(at);
        value.parse().map_err(|error: T::Err| self.wrong(name, error.to_string())).ok()
    }

    /// A parameter that must be there.
    pub(super) fn required<T: FromStr>(&mut self, name: &str) -> Option<T>
    where
        T::Err: Display,
    {
        if !self.left.iter().any(|(sent, _)| sent == name) {
            self.wrong(name, "is missing".to_owned());
        }
        self.optional(name)
    }

    /// Which page: `after`, an id, and `limit`, a number.
    pub(super) fn page(&mut self) -> Paging {
        self.page_after(|_| true)
    }

    /// The same of a list in which each goes by its number: after what is none, it would begin anew.
    pub(super) fn numbered_page(&mut self) -> Paging {
        self.page_after(|after| after.parse::<i64>().is_ok_and(|number| number >= 0))
    }

    fn page_after(&mut self, is_right: impl FnOnce(&str) -> bool) -> Paging {
        let after = self.optional::<String>("after").unwrap_or_default();
        let is_text = after.len() <= MAX_CURSOR && after.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_text || !(after.is_empty() || is_right(&after)) {
            self.wrong("after", "must be what `next` was".to_owned());
        }
        let size = self.optional::<u32>("limit").unwrap_or(DEFAULT_PAGE_SIZE);
        if !(1..=MAX_PAGE_SIZE).contains(&size) {
            self.wrong("limit", format!("must be 1 to {MAX_PAGE_SIZE}"));
        }
        Paging { page: Page::after(&after).with_size(size), size: size as usize }
    }

    /// Says that a parameter is wrong.
    pub(super) fn wrong(&mut self, name: &str, detail: String) {
        self.errors.push(FieldError { pointer: format!("?{name}"), detail });
    }

    /// Whether all parameters were right and known.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.left) {
            let name: String = name.chars().take(64).collect();
            self.wrong(&name, "is not known here, or given twice".to_owned());
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::Invalid(self.errors)) }
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Clone)]
pub(super) struct Paging {
    /// As the store takes it.
    pub(super) page: Page,
    /// How many entries a full page has.
    pub(super) size: usize,
}
