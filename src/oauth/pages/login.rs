//! The login page.

use askama::Template;
use axum::response::Response;

use super::super::interaction::{FIELD, Purpose};
use super::language::Language;
use super::layout::page;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ language.pick("Log in to", "登录") }} {{ question.platform }}</h1>
<p class="who">{{ purpose }}</p>
{% if let Some(notice) = notice %}<p class="wrong" role="alert">{{ notice }}</p>{% endif %}
{% if question.by_password %}<form method="post" action="/oauth/login">
<input type="hidden" name="{{ FIELD }}" value="{{ question.request }}"><input type="hidden" name="csrf" value="{{ question.token }}">
<label for="username">{{ language.pick("User name", "用户名") }}</label><input id="username" name="username" autocomplete="username" autocapitalize="none" value="{{ question.username }}" required{% if question.username.is_empty() %} autofocus{% endif %}>
<label for="password">{{ language.pick("Password", "密码") }}</label><input id="password" name="password" type="password" autocomplete="current-password" required{% if !question.username.is_empty() %} autofocus{% endif %}>
<button class="main" type="submit">{{ language.pick("Log in", "登录") }}</button>
</form>{% endif %}
{% if let Some(provider) = question.provider %}<form method="post" action="/oauth/federated">
<input type="hidden" name="{{ FIELD }}" value="{{ question.request }}"><input type="hidden" name="csrf" value="{{ question.token }}">
<button{% if !question.by_password %} class="main"{% endif %} type="submit">{{ language.pick("Log in with", "使用以下方式登录：") }} {{ provider }}</button>
</form>{% endif %}"#
)]
struct LoginPage<'a> {
    language: Language,
    question: &'a LoginQuestion<'a>,
    purpose: String,
    notice: Option<&'a str>,
}

/// What the login page asks.
pub struct LoginQuestion<'a> {
    /// The platform.
    pub platform: &'a str,
    /// Whether it may log in by a password that the platform keeps.
    pub by_password: bool,
    /// What the identity provider is called by which it may, if it may.
    pub provider: Option<&'a str>,
    /// What the merchant is on its way to.
    pub purpose: &'a Purpose,
    /// What goes on afterwards, as the form carries it.
    pub request: &'a str,
    /// The form's token, for browsers.
    pub token: &'a str,
    /// The user name that was typed before.
    pub username: &'a str,
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
    /// What it says, for the log.
    #[must_use]
    pub fn reason(self) -> &'static str {
        self.text(Language::English)
    }

    fn text(self, language: Language) -> &'static str {
        match self {
            Self::Wrong => language.pick("User name or password is wrong.", "用户名或密码错误。"),
            Self::Stale => {
                language.pick("This page was open for too long. Log in again.", "页面已过期，请重新登录。")
            }
        }
    }
}

impl Purpose {
    fn text(&self, language: Language) -> String {
        match self {
            Self::App(app) => format!("{} {app}", language.pick("to go on to", "继续前往")),
            Self::SecondFactor => language.pick("to see your second factor", "查看两步验证").to_owned(),
            Self::Device => language.pick("to connect a device", "连接设备").to_owned(),
            Self::Apps => {
                language.pick("to see the apps with access to your shop", "查看可访问您店铺的应用").to_owned()
            }
        }
    }
}

/// The login page.
#[must_use]
pub fn login(language: Language, question: &LoginQuestion<'_>, notice: Option<LoginNotice>) -> Response {
    let notice = notice.map(|notice| notice.text(language));
    let title = language.pick("Log in", "登录");
    let purpose = question.purpose.text(language);
    page(language, (title, question.platform), &LoginPage { language, question, purpose, notice })
}
