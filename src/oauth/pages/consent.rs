//! The consent page.

use askama::Template;
use axum::response::Response;

use super::super::asked_access::AskedAccess;
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
    /// For what.
    pub asked: &'a AskedAccess,
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
{{ asked|safe }}
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
    asked: AskedPart<'a>,
}

/// What an app asks for: a part of the pages that ask a merchant for its consent.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"{% if asked.new.is_empty() %}<p>{{ language.pick("It asks for nothing that it does not have already.", "它没有请求新的权限。") }}</p>{% else %}
<p>{% if asked.had.is_empty() %}{{ language.pick("It asks to:", "它请求以下权限：") }}{% else %}{{ language.pick("It now asks to do more:", "它请求以下新的权限：") }}{% endif %}</p>
<ul>{% for scope in asked.new %}<li>{{ scope }}</li>{% endfor %}</ul>{% endif %}
{% if !asked.had.is_empty() %}<p>{{ language.pick("It may already:", "它已有以下权限：") }}</p>
<ul class="had">{% for scope in asked.had %}<li>{{ scope }}</li>{% endfor %}</ul>{% endif %}
{% if !asked.fees.is_empty() %}<section><p><strong>{{ language.pick("What you pay", "您需支付的费用") }}</strong></p>
<ul>{% for fee in asked.fees %}<li>{{ fee }}</li>{% endfor %}</ul></section>{% endif %}
<p class="who">{{ language.pick("You can take this back at any time:", "您可随时取消授权：") }} <a href="/oauth/apps">{{ language.pick("apps with access to your shop", "已授权的应用") }}</a></p>"#
)]
pub(super) struct AskedPart<'a> {
    pub(super) language: Language,
    pub(super) asked: &'a AskedAccess,
}

/// The consent page.
#[must_use]
pub fn consent(language: Language, question: &Question<'_>) -> Response {
    let asked = AskedPart { language, asked: question.asked };
    page(language, (question.app, question.platform), &ConsentPage { language, question, asked })
}
