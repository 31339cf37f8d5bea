//! The page of the apps with access to a merchant's shop.

use askama::Template;
use axum::response::Response;

use super::super::interaction::FIELD;
use super::language::Language;
use super::layout::page;

/// What the page of apps shows.
pub struct AppsQuestion<'a> {
    /// The platform.
    pub platform: &'a str,
    /// Whose shop it is.
    pub merchant: &'a str,
    /// The apps with access to it.
    pub apps: &'a [Access],
    /// Where the merchant is logged in.
    pub browsers: &'a [Browser<'a>],
    /// What a login goes on with, as a form carries it.
    pub request: &'a str,
    /// The session's form token.
    pub csrf: &'a str,
}

/// An app with access.
pub struct Access {
    /// The grant's id.
    pub grant: String,
    /// The app.
    pub app: String,
    /// Whose app it is.
    pub partner: String,
    /// What it may do, in words.
    pub scopes: Vec<String>,
    /// Since when.
    pub since: String,
    /// When it last refreshed its access.
    pub refreshed: Option<String>,
}

/// A browser in which the merchant is logged in.
pub struct Browser<'a> {
    /// The session's id.
    pub session: &'a str,
    /// Since when.
    pub since: String,
    /// Until when.
    pub until: String,
    /// Whether it is the one that sees the page.
    pub is_this: bool,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ language.pick("Apps with access to ", "可访问 ") }}{{ question.merchant }}{{ language.pick("", " 的应用") }}</h1>
{% if question.apps.is_empty() %}<p>{{ language.pick("No app has access.", "没有应用可以访问。") }}</p>{% endif %}
{% for access in question.apps %}<section>
<h2>{{ access.app }}</h2>
<p class="who">{{ language.pick("An app of ", "应用开发者：") }}{{ access.partner }}</p>
<p>{{ language.pick("It may:", "它可以：") }}</p>
<ul>{% for scope in access.scopes %}<li>{{ scope }}</li>{% endfor %}</ul>
<p class="who">{{ language.pick("Since", "开始于") }} {{ access.since }}{% if let Some(refreshed) = access.refreshed %}{{ language.pick("; last refreshed its access", "；最近续期于") }} {{ refreshed }}{% endif %}</p>
<details><summary>{{ language.pick("Remove access", "取消授权") }}</summary>
<p>{{ language.pick("The app can then do nothing for your shop any more, at once.", "取消后，该应用将立即无法再为您的店铺执行任何操作。") }}</p>
<form method="post" action="/oauth/apps/revoke">
<input type="hidden" name="csrf" value="{{ question.csrf }}"><input type="hidden" name="grant" value="{{ access.grant }}">
<button class="danger" type="submit">{{ language.pick("Remove access of ", "取消授权：") }}{{ access.app }}</button>
</form></details></section>
{% endfor %}
<p><a href="/oauth/second_factor">{{ language.pick("Second factor of your login", "登录的两步验证") }}</a></p>
<h1>{{ language.pick("Where you are logged in", "您的登录") }}</h1>
{% for browser in question.browsers %}<section>
<p>{% if browser.is_this %}<strong>{{ language.pick("This browser", "当前浏览器") }}</strong>{% else %}{{ language.pick("Another browser", "其他浏览器") }}{% endif %}</p>
<p class="who">{{ language.pick("Since", "开始于") }} {{ browser.since }}{{ language.pick(", until", "，有效至") }} {{ browser.until }}</p>
{% if !browser.is_this %}<form method="post" action="/oauth/apps/sessions/end">
<input type="hidden" name="csrf" value="{{ question.csrf }}"><input type="hidden" name="session" value="{{ browser.session }}">
<button type="submit">{{ language.pick("Log out there", "退出该登录") }}</button>
</form>{% endif %}</section>
{% endfor %}
<form method="post" action="/oauth/logout">
<input type="hidden" name="csrf" value="{{ question.csrf }}">
<button type="submit">{{ language.pick("Log out", "退出登录") }}</button>
<button type="submit" name="{{ FIELD }}" value="{{ question.request }}">{{ language.pick("Use another account", "使用其他账号") }}</button>
</form>"#
)]
struct AppsPage<'a> {
    language: Language,
    question: &'a AppsQuestion<'a>,
}

/// The page of apps.
#[must_use]
pub fn apps(language: Language, question: &AppsQuestion<'_>) -> Response {
    let title = language.pick("Apps with access", "已授权的应用");
    page(language, (title, question.platform), &AppsPage { language, question })
}
