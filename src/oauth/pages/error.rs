//! The page that tells what went wrong.

use askama::Template;
use axum::response::Response;

use super::language::Language;
use super::layout::page;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ language.pick("This did not work", "操作未成功") }}</h1><p role="alert">{{ message }}</p>"#
)]
struct ErrorPage<'a> {
    language: Language,
    message: &'a str,
}

/// A page that tells what went wrong.
#[must_use]
pub fn error(language: Language, message: &str) -> Response {
    page(language, ("", "Tollgate"), &ErrorPage { language, message })
}
