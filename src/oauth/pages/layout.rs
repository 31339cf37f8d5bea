//! What all pages have in common: the frame of the document, its style, and what forbids others to frame, script or store it.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use super::language::Language;

/// The style of all pages.
const STYLE: &str = include_str!("style.css");

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="{{ language.code() }}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{% if !title.is_empty() %}{{ title }} · {% endif %}{{ platform }}</title><link rel="stylesheet" href="/oauth/style.css"></head>
<body><main>
{{ body|safe }}
</main></body></html>
"#
)]
struct Layout<'a, B: Template> {
    language: Language,
    title: &'a str,
    platform: &'a str,
    body: &'a B,
}

/// A page of that title, on `platform`.
pub(super) fn page<B: Template>(language: Language, (title, platform): (&str, &str), body: &B) -> Response {
    let html = Layout { language, title, platform, body }.render();
    let html = html.unwrap_or_else(|_| "This page cannot be shown.".to_owned());
    // No `form-action`: browsers apply it to the redirect after a form too, which goes to the app.
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // `no-referrer` would have browsers hide the origin of our own forms too.
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept-language, cookie")),
    ];
    (headers, Html(html)).into_response()
}

/// The style sheet.
#[must_use]
pub fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, STYLE).into_response()
}
