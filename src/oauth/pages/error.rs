//! The page that tells what went wrong.

use askama::Template;
use axum::response::Response;

use super::language::Language;
use super::layout::page;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ title }}</h1><p role="alert">{{ message }}</p>
{% if !request_id.is_empty() %}<p class="who">{{ language.pick("If you ask for help, name this request:", "如需帮助，请提供此请求编号：") }} <code>{{ request_id }}</code></p>{% endif %}"#
)]
struct ErrorPage<'a> {
    language: Language,
    title: &'a str,
    message: &'a str,
    request_id: &'a str,
}

/// A page that tells what went wrong on `platform`, by which the call is found in its log.
#[must_use]
pub fn error(language: Language, platform: &str, (message, request_id): (&str, &str)) -> Response {
    let title = language.pick("This did not work", "操作未成功");
    page(language, (title, platform), &ErrorPage { language, title, message, request_id })
}
