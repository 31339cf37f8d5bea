//! The pages of a merchant's second factor.

use askama::Template;
use axum::response::Response;

use super::super::interaction::FIELD;
use super::language::Language;
use super::layout::page;
use super::qr_code;

/// Why the second step of a login is asked once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondStep {
    /// What was typed is not right, or was used before.
    Wrong,
}

impl SecondStep {
    fn text(self, language: Language) -> &'static str {
        match self {
            Self::Wrong => wrong_code(language),
        }
    }
}

fn wrong_code(language: Language) -> &'static str {
    language.pick(
        "This code is wrong or was used before. Wait for the next one.",
        "验证码错误或已被使用，请等待下一个验证码。",
    )
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ language.pick("Second step", "第二步验证") }}</h1>
<p>{{ language.pick("Type the code that your authenticator app shows, or a recovery code.", "请输入验证器应用显示的验证码，或一个恢复码。") }}</p>
{% if let Some(notice) = notice %}<p class="wrong" role="alert">{{ notice }}</p>{% endif %}
<form method="post" action="/oauth/login/code">
<input type="hidden" name="{{ FIELD }}" value="{{ request }}"><input type="hidden" name="csrf" value="{{ token }}">
<label for="code">{{ language.pick("Code", "验证码") }}</label><input id="code" name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" required autofocus>
<button class="main" type="submit">{{ language.pick("Log in", "登录") }}</button>
</form>"#
)]
struct StepPage<'a> {
    language: Language,
    request: &'a str,
    token: &'a str,
    notice: Option<&'a str>,
}

/// The page of a login's second step: what goes on afterwards, and the form's token.
#[must_use]
pub fn second_step(
    language: Language,
    platform: &str,
    (request, token): (&str, &str),
    notice: Option<SecondStep>,
) -> Response {
    let notice = notice.map(|notice| notice.text(language));
    let title = language.pick("Second step", "第二步验证");
    page(language, (title, platform), &StepPage { language, request, token, notice })
}

/// Where a merchant's second factor stands.
pub enum FactorStage {
    /// There is none.
    Off,
    /// A secret was made, of which no password was shown yet.
    Offered {
        /// What a person types.
        secret: String,
        /// What an authenticator app takes.
        uri: String,
    },
    /// Logins ask for it.
    On {
        /// How many recovery codes are left.
        recovery_codes: i64,
    },
}

/// What the page of the second factor shows.
pub struct FactorQuestion<'a> {
    /// The platform.
    pub platform: &'a str,
    /// Whose factor it is.
    pub merchant: &'a str,
    /// Where it stands.
    pub stage: FactorStage,
    /// The session's form token.
    pub csrf: &'a str,
}

/// Why the page is shown once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorNotice {
    /// The password is wrong.
    WrongPassword,
    /// The code is wrong.
    WrongCode,
}

impl FactorNotice {
    fn text(self, language: Language) -> &'static str {
        match self {
            Self::WrongPassword => language.pick("The password is wrong.", "密码错误。"),
            Self::WrongCode => wrong_code(language),
        }
    }
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ language.pick("Second factor of ", "两步验证：") }}{{ question.merchant }}</h1>
{% if let Some(notice) = notice %}<p class="wrong" role="alert">{{ notice }}</p>{% endif %}
{% match question.stage %}
{% when FactorStage::Off %}<p>{{ language.pick("Logins ask for your password alone. With a second factor, nobody gets in who only knows it.", "目前仅凭密码即可登录。启用两步验证后，仅知道密码的人将无法登录。") }}</p>
<form method="post" action="/oauth/second_factor/offer"><input type="hidden" name="csrf" value="{{ question.csrf }}">
<label for="password">{{ language.pick("Your password once more", "请再次输入密码") }}</label><input id="password" name="password" type="password" autocomplete="current-password" required>
<button class="main" type="submit">{{ language.pick("Set up an authenticator app", "设置验证器应用") }}</button></form>
{% when FactorStage::Offered with { secret, uri } %}<p>{{ language.pick("Scan this with your authenticator app, or add the key below as a time-based one. It is shown until you confirm it, and never again.", "请用验证器应用扫描二维码，或手动添加下方密钥（基于时间）。确认之前会显示，之后不再显示。") }}</p>
{% if let Some(image) = qr_code::image(uri) %}{{ image|safe }}{% endif %}
<p class="code">{{ secret }}</p>
<p class="who"><a href="{{ uri }}">{{ language.pick("Open in an authenticator app on this device", "在本设备的验证器应用中打开") }}</a><br>{{ uri }}</p>
<form method="post" action="/oauth/second_factor/confirm"><input type="hidden" name="csrf" value="{{ question.csrf }}">
<label for="code">{{ language.pick("The code that the app shows", "应用显示的验证码") }}</label><input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required autofocus>
<button class="main" type="submit">{{ language.pick("Turn on", "启用") }}</button></form>
<form method="post" action="/oauth/second_factor/remove"><input type="hidden" name="csrf" value="{{ question.csrf }}">
<button type="submit">{{ language.pick("Cancel", "取消") }}</button></form>
{% when FactorStage::On with { recovery_codes } %}<p>{{ language.pick("Logins ask for a code of your authenticator app. Recovery codes left:", "登录时需要验证器应用的验证码。剩余恢复码：") }} {{ recovery_codes }}</p>
<form method="post" action="/oauth/second_factor/remove"><input type="hidden" name="csrf" value="{{ question.csrf }}">
<label for="code">{{ language.pick("A code of the app, or a recovery code", "应用的验证码，或一个恢复码") }}</label><input id="code" name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" required>
<button class="danger" type="submit">{{ language.pick("Turn off", "停用") }}</button></form>
{% endmatch %}
<p class="who"><a href="/oauth/apps">{{ language.pick("Apps with access to your shop", "已授权的应用") }}</a></p>"#
)]
struct FactorPage<'a> {
    language: Language,
    question: &'a FactorQuestion<'a>,
    notice: Option<&'a str>,
}

/// The page of the second factor.
#[must_use]
pub fn second_factor(
    language: Language,
    question: &FactorQuestion<'_>,
    notice: Option<FactorNotice>,
) -> Response {
    let notice = notice.map(|notice| notice.text(language));
    let title = language.pick("Second factor", "两步验证");
    page(language, (title, question.platform), &FactorPage { language, question, notice })
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ language.pick("Your second factor is on", "两步验证已启用") }}</h1>
<p>{{ language.pick("Keep these recovery codes in a safe place. Each logs you in once without your authenticator app. They are shown this once.", "请妥善保存以下恢复码。没有验证器应用时，每个恢复码可使用一次。恢复码仅显示这一次。") }}</p>
<ul class="codes">{% for code in codes %}<li>{{ code }}</li>{% endfor %}</ul>
<p class="who"><a href="/oauth/second_factor">{{ language.pick("I have kept them", "我已保存") }}</a></p>"#
)]
struct RecoveryPage<'a> {
    language: Language,
    codes: &'a [String],
}

/// The page that shows a merchant its recovery codes, once.
#[must_use]
pub fn recovery_codes(language: Language, platform: &str, codes: &[String]) -> Response {
    let title = language.pick("Recovery codes", "恢复码");
    page(language, (title, platform), &RecoveryPage { language, codes })
}
