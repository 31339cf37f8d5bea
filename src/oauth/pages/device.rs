//! The pages around the consent to an app on a device (RFC 8628, section 3.3).

use askama::Template;
use axum::response::Response;

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
