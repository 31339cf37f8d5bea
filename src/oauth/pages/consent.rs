//! The consent page.

use askama::Template;
use axum::response::Response;

use super::super::interaction::FIELD;
use super::language::Language;
use super::layout::page;

/// What the consent page asks.
pub struct Question<'a> {
    /// The platform.
    pub platform: &'a str,
    /// The app that asks.
    pub app: &'a str,
    /// Whose app it is.
    pub partner: &'a str,
    /// Who is asked.
    pub merchant: &'a str,
    /// For what, in words.
    pub scopes: &'a [String],
    /// The authorization request.
    pub request: &'a str,
    /// The session's form token.
    pub csrf: &'a str,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ language.pick("Let", "允许") }} {{ question.app }} {{ language.pick("act for", "代表") }} {{ question.merchant }}{{ language.pick("?", " 操作？") }}</h1>
<p class="who">{{ language.pick("An app of ", "应用开发者：") }}{{ question.partner }}</p>
<p>{{ language.pick("It asks to:", "它请求以下权限：") }}</p>
<ul>{% for scope in question.scopes %}<li>{{ scope }}</li>{% endfor %}</ul>
<form method="post" action="/oauth/consent">
<input type="hidden" name="{{ FIELD }}" value="{{ question.request }}"><input type="hidden" name="csrf" value="{{ question.csrf }}">
<button class="main" type="submit" name="decision" value="allow">{{ language.pick("Allow", "允许") }}</button>
<button type="submit" name="decision" value="deny">{{ language.pick("Deny", "拒绝") }}</button>
<button type="submit" formaction="/oauth/logout">{{ language.pick("Use another account", "使用其他账号") }}</button>
</form>"#
)]
struct ConsentPage<'a> {
    language: Language,
    question: &'a Question<'a>,
}

/// The consent page.
#[must_use]
pub fn consent(language: Language, question: &Question<'_>) -> Response {
    page(language, (question.app, question.platform), &ConsentPage { language, question })
}
