//! The pages on which a merchant lets a device through (RFC 8628, sections 3.3 and 5.4).

use askama::Template;
use axum::response::Response;

use super::super::asked_access::AskedAccess;
use super::super::interaction::FIELD;
use super::consent::AskedPart;
use super::language::Language;
use super::layout::page;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ language.pick("Connect a device", "连接设备") }}</h1>
<p>{{ language.pick("Type the code that your device shows.", "请输入设备上显示的代码。") }}</p>
{% if let Some(notice) = notice %}<p class="wrong" role="alert">{{ notice }}</p>{% endif %}
<form method="get" action="/oauth/device">
<label for="user_code">{{ language.pick("Code", "代码") }}</label><input class="code" id="user_code" name="user_code" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="20" placeholder="XXXX-XXXX" required autofocus>
<button class="main" type="submit">{{ language.pick("Go on", "继续") }}</button>
</form>"#
)]
struct CodePage<'a> {
    language: Language,
    notice: Option<&'a str>,
}

/// Why a merchant is asked for the code once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeNotice {
    /// No device waits with that code.
    Unknown,
}

impl CodeNotice {
    fn text(self, language: Language) -> &'static str {
        match self {
            Self::Unknown => language.pick(
                "No device waits with this code: it is mistyped, used, or too old.",
                "没有设备在等待此代码：可能输入有误、已被使用或已过期。",
            ),
        }
    }
}

/// The page that asks for a device's code.
#[must_use]
pub fn device_code(language: Language, platform: &str, notice: Option<CodeNotice>) -> Response {
    let notice = notice.map(|notice| notice.text(language));
    page(language, (language.pick("Connect a device", "连接设备"), platform), &CodePage { language, notice })
}

/// What a merchant is asked whose device waits.
pub struct DeviceQuestion<'a> {
    /// The platform.
    pub platform: &'a str,
    /// The app on the device.
    pub app: &'a str,
    /// Whose app it is.
    pub partner: &'a str,
    /// Who is asked.
    pub merchant: &'a str,
    /// For what.
    pub asked: &'a AskedAccess,
    /// The code that the device shows.
    pub code: &'a str,
    /// This page, as a form carries it.
    pub request: &'a str,
    /// The session's form token.
    pub csrf: &'a str,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ language.pick("Let a device with ", "允许设备上的 ") }}{{ question.app }} {{ language.pick("act for", "代表") }} {{ question.merchant }}{{ language.pick("?", " 操作？") }}</h1>
<p class="who">{{ language.pick("An app of ", "应用开发者：") }}{{ question.partner }}</p>
<p>{{ language.pick("Your device must show this code:", "您的设备上必须显示此代码：") }}</p>
<p class="code">{{ question.code }}</p>
<p class="wrong">{{ language.pick("Deny this if you did not start it yourself, or if somebody sent you this link or code: the device may not be yours.", "如果不是您本人发起的操作，或此链接、代码由他人发送给您，请拒绝：该设备可能不属于您。") }}</p>
{{ asked|safe }}
<form method="post" action="/oauth/device">
<input type="hidden" name="csrf" value="{{ question.csrf }}"><input type="hidden" name="user_code" value="{{ question.code }}"><input type="hidden" name="{{ FIELD }}" value="{{ question.request }}">
<button class="main" type="submit" name="decision" value="allow">{{ language.pick("Allow", "允许") }}</button>
<button type="submit" name="decision" value="deny">{{ language.pick("Deny", "拒绝") }}</button>
<button type="submit" formaction="/oauth/logout">{{ language.pick("Use another account", "使用其他账号") }}</button>
</form>"#
)]
struct QuestionPage<'a> {
    language: Language,
    question: &'a DeviceQuestion<'a>,
    asked: AskedPart<'a>,
}

/// The page that asks whether a device is let through.
#[must_use]
pub fn device_question(language: Language, question: &DeviceQuestion<'_>) -> Response {
    let asked = AskedPart { language, asked: question.asked };
    page(language, (question.app, question.platform), &QuestionPage { language, question, asked })
}

/// What a merchant answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceOutcome {
    /// The device is let through.
    Allowed,
    /// It is not.
    Denied,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ title }}</h1><p>{{ language.pick("You can close this page and go on with your device.", "您可以关闭此页面，继续使用您的设备。") }}</p>
<p class="who"><a href="/oauth/apps">{{ language.pick("Apps with access to your shop", "已授权的应用") }}</a></p>"#
)]
struct OutcomePage<'a> {
    language: Language,
    title: &'a str,
}

/// The page that tells a merchant what it answered.
#[must_use]
pub fn device_outcome(language: Language, platform: &str, outcome: DeviceOutcome) -> Response {
    let title = match outcome {
        DeviceOutcome::Allowed => language.pick("Your device is connected", "设备已连接"),
        DeviceOutcome::Denied => language.pick("The device was turned away", "已拒绝该设备"),
    };
    page(language, (title, platform), &OutcomePage { language, title })
}
