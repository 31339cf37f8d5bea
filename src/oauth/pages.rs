//! The pages that a merchant sees: plain HTML that works without script, on a phone too, in English or Chinese.

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Chinese.
    Chinese,
}

impl Language {
    /// The language that a browser prefers.
    #[must_use]
    pub fn preferred(headers: &HeaderMap) -> Self {
        let accepted =
            headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let first = accepted.split(',').next().unwrap_or_default().trim().to_ascii_lowercase();
        if first.starts_with("zh") { Self::Chinese } else { Self::English }
    }

    fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    fn pick(self, en: &'static str, zh: &'static str) -> &'static str {
        match self {
            Self::English => en,
            Self::Chinese => zh,
        }
    }
}

/// The style of all pages.
pub const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{margin:0;display:grid;place-items:center;min-height:100vh;background:Canvas;color:CanvasText}\
main{width:min(26rem,100% - 2rem);padding:2rem 0}\
h1{font-size:1.25rem}label{display:block;margin:1rem 0 .25rem}\
input{box-sizing:border-box;width:100%;padding:.6rem;font:inherit;border:1px solid GrayText;border-radius:.4rem}\
button{width:100%;margin-top:1rem;padding:.7rem;font:inherit;border:1px solid GrayText;border-radius:.4rem;cursor:pointer}\
button.main{background:#0b57d0;border-color:#0b57d0;color:#fff}\
ul{padding-left:1.2rem}.who{color:GrayText;font-size:.9rem}.wrong{color:#b3261e}";

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html><html lang="{{ language.code() }}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>{{ language.pick("Log in", "登录") }} · {{ question.platform }}</title><link rel="stylesheet" href="/oauth/style.css"></head><body><main>
<h1>{{ language.pick("Log in to", "登录") }} {{ question.platform }}</h1>
<p class="who">{{ language.pick("to go on to", "继续前往") }} {{ question.app }}</p>
{% if let Some(notice) = notice %}<p class="wrong" role="alert">{{ notice }}</p>{% endif %}
<form method="post" action="/oauth/login">
<input type="hidden" name="request" value="{{ question.request }}"><input type="hidden" name="csrf" value="{{ question.token }}">
<label for="username">{{ language.pick("User name", "用户名") }}</label><input id="username" name="username" autocomplete="username" required autofocus>
<label for="password">{{ language.pick("Password", "密码") }}</label><input id="password" name="password" type="password" autocomplete="current-password" required>
<button class="main" type="submit">{{ language.pick("Log in", "登录") }}</button>
</form></main></body></html>"#
)]
struct LoginPage<'a> {
    language: Language,
    question: &'a LoginQuestion<'a>,
    notice: Option<&'a str>,
}

/// What the login page asks.
pub struct LoginQuestion<'a> {
    /// The platform.
    pub platform: &'a str,
    /// The app that the merchant comes from.
    pub app: &'a str,
    /// The authorization request that goes on afterwards.
    pub request: &'a str,
    /// The form's token, for browsers.
    pub token: &'a str,
}

/// Why the login page is shown once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginNotice {
    /// Name or password is wrong.
    Wrong,
    /// The form came too late.
    Stale,
}

impl LoginNotice {
    fn text(self, language: Language) -> &'static str {
        match self {
            Self::Wrong => language.pick("User name or password is wrong.", "用户名或密码错误。"),
            Self::Stale => {
                language.pick("This page was open for too long. Log in again.", "页面已过期，请重新登录。")
            }
        }
    }
}

/// The login page.
#[must_use]
pub fn login(language: Language, question: &LoginQuestion<'_>, notice: Option<LoginNotice>) -> Response {
    let notice = notice.map(|notice| notice.text(language));
    page(&LoginPage { language, question, notice })
}

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
    source = r#"<!doctype html><html lang="{{ language.code() }}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>{{ question.app }} · {{ question.platform }}</title><link rel="stylesheet" href="/oauth/style.css"></head><body><main>
<h1>{{ language.pick("Let", "允许") }} {{ question.app }} {{ language.pick("act for", "代表") }} {{ question.merchant }}{{ language.pick("?", " 操作？") }}</h1>
<p class="who">{{ language.pick("An app of", "应用开发者：") }} {{ question.partner }}</p>
<p>{{ language.pick("It asks to:", "它请求以下权限：") }}</p>
<ul>{% for scope in question.scopes %}<li>{{ scope }}</li>{% endfor %}</ul>
<form method="post" action="/oauth/consent">
<input type="hidden" name="request" value="{{ question.request }}"><input type="hidden" name="csrf" value="{{ question.csrf }}">
<button class="main" type="submit" name="decision" value="allow">{{ language.pick("Allow", "允许") }}</button>
<button type="submit" name="decision" value="deny">{{ language.pick("Deny", "拒绝") }}</button>
<button type="submit" formaction="/oauth/logout">{{ language.pick("Use another account", "使用其他账号") }}</button>
</form></main></body></html>"#
)]
struct ConsentPage<'a> {
    language: Language,
    question: &'a Question<'a>,
}

/// The consent page.
#[must_use]
pub fn consent(language: Language, question: &Question<'_>) -> Response {
    page(&ConsentPage { language, question })
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Tollgate</title><link rel="stylesheet" href="/oauth/style.css"></head><body><main>
<h1>This did not work</h1><p role="alert">{{ message }}</p></main></body></html>"#
)]
struct ErrorPage<'a> {
    message: &'a str,
}

/// A page that tells what went wrong.
#[must_use]
pub fn error(message: &str) -> Response {
    page(&ErrorPage { message })
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html><html lang="{{ language.code() }}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Tollgate</title><link rel="stylesheet" href="/oauth/style.css"></head><body><main>
<h1>{{ language.pick("You are logged out", "您已退出登录") }}</h1></main></body></html>"#
)]
struct LoggedOutPage {
    language: Language,
}

/// The page after a logout.
#[must_use]
pub fn logged_out(language: Language) -> Response {
    page(&LoggedOutPage { language })
}

/// The style sheet.
#[must_use]
pub fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
    ];
    (headers, STYLE).into_response()
}

fn page(template: &impl Template) -> Response {
    let html = template.render().unwrap_or_else(|_| "This page cannot be shown.".to_owned());
    // No `form-action`: browsers apply it to the redirect after a form too, which goes to the app.
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // `no-referrer` would have browsers hide the origin of our own forms too.
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Html(html)).into_response()
}
