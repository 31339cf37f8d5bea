//! The page of the apps with access to a merchant's shop.

use std::net::IpAddr;

use askama::Template;
use axum::response::Response;

use super::super::interaction::FIELD;
use super::language::Language;
use super::layout::page;
use crate::domain::authentication::LoginMethod;

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
    /// When it was last seen, if that is known.
    pub seen: Option<String>,
    /// Until when.
    pub until: String,
    /// By what the merchant logged in first, if that is known.
    pub method: Option<LoginMethod>,
    /// Whether it logged in by two factors.
    pub is_by_two_factors: bool,
    /// From where, if that is known.
    pub address: Option<IpAddr>,
    /// Whether it is the one that sees the page.
    pub is_this: bool,
}

impl Browser<'_> {
    /// By what the merchant logged in, and from where; nothing if none of it is known.
    fn login(&self, language: Language) -> String {
        let method = self.method.map(|method| match method {
            LoginMethod::Password => language.pick("by password", "密码"),
            LoginMethod::Provider => language.pick("by the identity provider", "身份提供方"),
        });
        let factors = self.is_by_two_factors.then(|| language.pick("with two factors", "两步验证"));
        let address = self.address.map(|address| format!("{} {address}", language.pick("from", "来自")));
        let known: Vec<&str> = [method, factors, address.as_deref()].into_iter().flatten().collect();
        match known.as_slice() {
            [] => String::new(),
            known => language.pick("Logged in ", "登录：").to_owned() + &known.join(language.pick(" ", "，")),
        }
    }
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
<p class="who">{{ self.login(browser) }}</p>
<p class="who">{{ language.pick("Since", "开始于") }} {{ browser.since }}{% if let Some(seen) = browser.seen %}{{ language.pick(", last seen", "，最近使用于") }} {{ seen }}{% endif %}{{ language.pick(", until", "，有效至") }} {{ browser.until }}</p>
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

impl AppsPage<'_> {
    fn login(&self, browser: &Browser<'_>) -> String {
        browser.login(self.language)
    }
}

/// The page of apps.
#[must_use]
pub fn apps(language: Language, question: &AppsQuestion<'_>) -> Response {
    let title = language.pick("Apps with access", "已授权的应用");
    page(language, (title, question.platform), &AppsPage { language, question })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_told_as_far_as_it_is_known() {
        let address = "2001:db8::1".parse().ok();
        for (method, is_by_two_factors, address, english, chinese) in [
            (Some(LoginMethod::Password), false, None, "Logged in by password", "登录：密码"),
            (
                Some(LoginMethod::Provider),
                true,
                address,
                "Logged in by the identity provider with two factors from 2001:db8::1",
                "登录：身份提供方，两步验证，来自 2001:db8::1",
            ),
            (None, true, None, "Logged in with two factors", "登录：两步验证"),
            (None, false, None, "", ""),
        ] {
            let (since, until) = (String::new(), String::new());
            let browser = Browser {
                session: "",
                since,
                seen: None,
                until,
                method,
                is_by_two_factors,
                address,
                is_this: true,
            };
            assert_eq!(browser.login(Language::English), english);
            assert_eq!(browser.login(Language::Chinese), chinese);
        }
    }
}
