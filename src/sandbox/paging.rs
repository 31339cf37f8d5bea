//! Pages of a list: `page` and `page_size` in the query, `Link` (RFC 8288) in the answer.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::problem::Refused;

/// Entries of a page.
const MAX_SIZE: usize = 500;
const USUAL_SIZE: usize = 100;

/// The query of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paging {
    page: usize,
    size: usize,
    /// The other parameters, which each page repeats.
    rest: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Paging {
    fn parse(query: &str) -> Result<Self, Refused> {
        let mut paging = Self { page: 1, size: USUAL_SIZE, rest: Vec::new() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "page" => paging.page = number("page", &value, usize::MAX / MAX_SIZE)?,
                "page_size" => paging.size = number("page_size", &value, MAX_SIZE)?,
                _ => paging.rest.push((name.into_owned(), value.into_owned())),
            }
        }
        Ok(paging)
    }

    /// Another parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.rest.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The entries of this page, and whether more follow.
    pub(super) fn cut<T>(
        &self,
        entries: impl Iterator<Item = T>,
        to_json: impl Fn(T) -> Value,
    ) -> (Vec<Value>, bool) {
        let mut entries = entries.skip((self.page - 1).saturating_mul(self.size));
        let page = entries.by_ref().take(self.size).map(to_json).collect();
        (page, entries.next().is_some())
    }

    /// The answer: an array, and links to the pages around it.
    pub(super) fn answer(&self, (entries, has_more): (Vec<Value>, bool)) -> Response {
        let mut links = vec![self.link(1, "first")];
        if self.page > 1 {
            links.push(self.link(self.page - 1, "prev"));
        }
        if has_more {
            links.push(self.link(self.page.saturating_add(1), "next"));
        }
        let mut response = Json(entries).into_response();
        if let Ok(links) = HeaderValue::from_str(&links.join(", ")) {
            response.headers_mut().insert(header::LINK, links);
        }
        response
    }

    /// A query alone is a relative reference (RFC 3986, section 4.2), right under whatever path the gateway shows.
    fn link(&self, page: usize, relation: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("page", &page.to_string()).append_pair("page_size", &self.size.to_string());
        query.extend_pairs(&self.rest);
        format!("<?{}>; rel=\"{relation}\"", query.finish())
    }
}

fn number(name: &str, text: &str, max: usize) -> Result<usize, Refused> {
    let number = text.parse().ok().filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| Refused::invalid(name, &format!("a whole number from 1 to {max}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

    use super::*;

    #[track_caller]
    fn check(query: &str, count: usize, expected_count: usize, expected_links: &str) {
        let paging = Paging::parse(query).unwrap();
        let (entries, has_more) = paging.cut(0..count, Value::from);
        assert_eq!(entries.len(), expected_count, "{query}");
        let response = paging.answer((entries, has_more));
        assert_eq!(response.headers()[header::LINK], expected_links, "{query}");
    }

    #[test]
    fn a_page_links_to_those_around_it() {
        check("", 100, 100, "<?page=1&page_size=100>; rel=\"first\"");
        check(
            "page_size=10&page=2",
            21,
            10,
            "<?page=1&page_size=10>; rel=\"first\", <?page=1&page_size=10>; rel=\"prev\", \
             <?page=3&page_size=10>; rel=\"next\"",
        );
        check(
            "page_size=2&updated_since=2026-11-24T08%3A00%3A00%2B08%3A00",
            3,
            2,
            "<?page=1&page_size=2&updated_since=2026-11-24T08%3A00%3A00%2B08%3A00>; rel=\"first\", \
             <?page=2&page_size=2&updated_since=2026-11-24T08%3A00%3A00%2B08%3A00>; rel=\"next\"",
        );
    }

    #[test]
    fn a_page_that_is_no_number_is_refused_by_name() {
        for bad in ["page=0", "page=-1", "page=x", "page=", "page=99999999999999999999", "page=1.5"] {
            let refused = Paging::parse(bad).unwrap_err();
            assert!(matches!(refused, Refused::Invalid { field, .. } if field == "page"), "{bad}");
        }
        for bad in ["page_size=0", "page_size=501", "page_size=many"] {
            let refused = Paging::parse(bad).unwrap_err();
            assert!(matches!(refused, Refused::Invalid { field, .. } if field == "page_size"), "{bad}");
        }
    }
}
