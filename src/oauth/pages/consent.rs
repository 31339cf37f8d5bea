//! The consent page, for an app in this browser or on a device (RFC 8628, section 5.4).

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
    /// The code that the device shows, if the app is on one.
    pub device: Option<&'a str>,
    /// What is asked for, as a form carries it.
    pub request: &'a str,
    /// The session's form token.
    pub csrf: &'a str,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{% if question.device.is_some() %}{{ language.pick("Let a device with", "允许设备上的") }}{% else %}{{ language.pick("Let", "允许") }}{% endif %} {{ question.app }} {{ language.pick("act for", "代表") }} {{ question.merchant }}{{ language.pick("?", " 操作？") }}</h1>
<p class="who">{{ language.pick("An app of ", "应用开发者：") }}{{ question.partner }}</p>
{% if let Some(code) = question.device %}<p>{{ language.pick("Your device must show this code:", "您的设备上必须显示此代码：") }}</p>
<p class="code">{{ code }}</p>
<p class="wrong">{{ language.pick("Deny this if you did not start it yourself, or if somebody sent you this link or code: the device may not be yours.", "如果不是您本人发起的操作，或此链接、代码由他人发送给您，请拒绝：该设备可能不属于您。") }}</p>{% endif %}
{{ asked|safe }}
<form method="post" action="/oauth/{% if question.device.is_some() %}device{% else %}consent{% endif %}">
{% if let Some(code) = question.device %}<input type="hidden" name="user_code" value="{{ code }}">{% endif %}
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

/// What an app asks for.
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
struct AskedPart<'a> {
    language: Language,
    asked: &'a AskedAccess,
}

/// The consent page.
#[must_use]
pub fn consent(language: Language, question: &Question<'_>) -> Response {
    let asked = AskedPart { language, asked: question.asked };
    page(language, (question.app, question.platform), &ConsentPage { language, question, asked })
}
