//! The page after a logout.

use askama::Template;
use axum::response::Response;

use super::language::Language;
use super::layout::page;

#[derive(Template)]
#[template(ext = "html", source = r#"<h1>{{ language.pick("You are logged out", "您已退出登录") }}</h1>"#)]
struct LoggedOutPage {
    language: Language,
}

/// The page after a logout from `platform`.
#[must_use]
pub fn logged_out(language: Language, platform: &str) -> Response {
    page(language, ("", platform), &LoggedOutPage { language })
}
