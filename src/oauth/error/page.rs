//! What goes wrong before there is an app to tell: a page for the user.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use tracing::Level;

use super::super::observed::request_id;
use super::super::pages::{self, Language};
use super::super::router::OAuth;
use super::refused::{Refused, chain};
use crate::credential::hasher::TurnError;
use crate::domain::provider_account::ProviderAccount;
use crate::store::StoreError;

/// After how many seconds a login that found all places taken may try again.
const BUSY_SECONDS: u64 = 5;

/// What goes wrong at the authorization endpoint before there is anywhere to redirect to: a page for the user.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The request names no app.
    #[error("The app that sent you here did not say which app it is: client_id is missing.")]
    NoApp,
    /// The app is unknown.
    #[error("The app that sent you here is not registered.")]
    UnknownApp,
    /// The app or its partner is suspended; only the log is told why it cannot be used.
    #[error("The app that sent you here cannot be used at present.")]
    SuspendedApp,
    /// The redirect URI is not one of the app's.
    #[error("The app that sent you here gave a return address that it has not registered.")]
    UnknownRedirect,
    /// The request names no redirect URI, and the app has registered none, or several.
    #[error("The app that sent you here did not say where to return to: redirect_uri is missing, and {}.", .0.text(Language::English))]
    NoRedirect(Registered),
    /// A pushed request that was used, has expired, or is another app's.
    #[error("This request has expired or was used already. Go back to the app and start again.")]
    RequestGone,
    /// A form that did not come from our page, or too late.
    #[error("This form is no longer valid. Go back and start again.")]
    StaleForm,
    /// A form that is no text, or has control characters in it.
    #[error("This form cannot be read. Go back and start again.")]
    MalformedForm,
    /// Too many attempts.
    #[error("Too many attempts. Wait {0} seconds and try again.")]
    TooManyAttempts(u64),
    /// A merchant that is suspended has proved itself.
    #[error("This account is suspended. Ask the platform about it.")]
    Suspended,
    /// A page that only a form leads to.
    #[error("This page cannot be opened by itself. Go back and start again.")]
    WrongMethod,
    /// More logins at once than can be checked.
    #[error("Too many people log in just now. Try again shortly.")]
    Busy,
    /// A login at the identity provider that began in another browser, too long ago, or was finished before.
    #[error(
        "This login took too long, or did not begin in this browser. Go back to the app and start again."
    )]
    StaleLogin,
    /// The identity provider did not let the user in; its error code.
    #[error("You were not logged in there. Go back to the app and start again.")]
    ProviderRefused(String),
    /// The account there is no merchant's, and why. Whoever has it is told its name there.
    #[error(
        "Your account there is not linked to a shop here. Ask the platform to link it; it is called {}.",
        .0.subject()
    )]
    NotLinked(ProviderAccount, &'static str),
    /// What the identity provider sent is not what it must be; what of it.
    #[error("What came back from there cannot be trusted. Go back to the app and start again.")]
    ProviderWrong(String),
    /// The identity provider cannot be reached, or does not do what it must.
    #[error("You cannot be logged in that way just now. Try again shortly.")]
    ProviderAway(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Something of ours is out of reach.
    #[error("Something went wrong on our side. Try again shortly.")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// How many redirect URIs an app has registered, if not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// None.
    None,
    /// Several.
    Several,
}

impl Registered {
    /// What is told of it.
    fn text(self, language: Language) -> &'static str {
        match self {
            Self::None => language.pick("it has registered none", "且该应用未登记任何返回地址"),
            Self::Several => language.pick("it has registered several", "而该应用登记了多个返回地址"),
        }
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<TurnError> for PageError {
    fn from(error: TurnError) -> Self {
        match error {
            TurnError::Busy => Self::Busy,
            TurnError::Died(_) => Self::Unavailable(Box::new(error)),
        }
    }
}

impl PageError {
    /// The page that tells it, in answer to a call with `headers`.
    #[must_use]
    pub fn page(self, oauth: &OAuth, (headers, language): (&HeaderMap, Language)) -> Response {
        let told = (&*self.text(language), request_id(headers));
        let page = pages::error(language, &oauth.live.load().platform.name, told);
        let mut response = self.refused().with(page);
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        if let Self::TooManyAttempts(seconds) = self {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        } else if matches!(self, Self::Busy) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(BUSY_SECONDS));
        } else if matches!(self, Self::WrongMethod) {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoApp
            | Self::UnknownApp
            | Self::SuspendedApp
            | Self::UnknownRedirect
            | Self::NoRedirect(_)
            | Self::RequestGone
            | Self::StaleForm
            | Self::MalformedForm
            | Self::StaleLogin => StatusCode::BAD_REQUEST,
            Self::ProviderRefused(_) | Self::NotLinked(..) | Self::Suspended => StatusCode::FORBIDDEN,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::ProviderWrong(_) | Self::ProviderAway(_) => StatusCode::BAD_GATEWAY,
            Self::TooManyAttempts(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn refused(&self) -> Refused {
        let text = self.to_string();
        match self {
            Self::NoApp => Refused::mistake("client_id_missing", text),
            Self::UnknownApp => Refused::watched("unknown_app", text),
            Self::SuspendedApp => Refused::watched("suspended_app", "the app or its partner is suspended"),
            Self::UnknownRedirect => Refused::watched("unknown_redirect_uri", text),
            Self::NoRedirect(_) => Refused::mistake("redirect_uri_missing", text),
            Self::TooManyAttempts(_) => Refused::watched("too_many_attempts", text),
            Self::Suspended => Refused::watched("suspended", text),
            Self::RequestGone => Refused::mistake("request_gone", text),
            Self::StaleForm => Refused::mistake("stale_form", text),
            Self::MalformedForm => Refused::mistake("malformed_form", text),
            Self::WrongMethod => Refused::mistake("method_not_allowed", text),
            Self::StaleLogin => Refused::mistake("stale_login", text),
            Self::ProviderRefused(error) => {
                let reason = format!("the identity provider did not let somebody in: {error}");
                Refused::watched("provider_refused", reason)
            }
            Self::NotLinked(account, why) => {
                let reason = format!("{why} (tollgate merchant link): {account} at the identity provider");
                Refused { code: "not_linked", reason, level: Level::WARN }
            }
            Self::ProviderWrong(what) => {
                let reason = format!("an answer of the identity provider was refused: {what}");
                Refused { code: "provider_wrong", reason, level: Level::WARN }
            }
            Self::ProviderAway(source) => {
                let reason = format!("nobody can log in by the identity provider: {}", chain(&**source));
                Refused { code: "provider_away", reason, level: Level::ERROR }
            }
            Self::Busy => {
                let reason = "a login waited in vain for its turn to be checked".to_owned();
                Refused { code: "busy", reason, level: Level::WARN }
            }
            Self::Unavailable(source) => {
                Refused { code: "temporarily_unavailable", reason: chain(&**source), level: Level::ERROR }
            }
        }
    }

    fn text(&self, language: Language) -> String {
        match language {
            Language::English => self.to_string(),
            Language::Chinese => self.in_chinese(),
        }
    }

    fn in_chinese(&self) -> String {
        let text = match self {
            Self::NoApp => "将您转到此处的应用未说明自己的身份：缺少 client_id。",
            Self::UnknownApp => "将您转到此处的应用尚未注册。",
            Self::SuspendedApp => "将您转到此处的应用目前无法使用。",
            Self::UnknownRedirect => "将您转到此处的应用给出了未登记的返回地址。",
            Self::NoRedirect(registered) => {
                let registered = registered.text(Language::Chinese);
                return format!("将您转到此处的应用未说明返回地址：缺少 redirect_uri，{registered}。");
            }
            Self::RequestGone => "此请求已过期或已被使用。请返回应用重新开始。",
            Self::StaleForm => "此表单已失效。请返回重新开始。",
            Self::MalformedForm => "无法读取此表单。请返回重新开始。",
            Self::TooManyAttempts(seconds) => return format!("尝试次数过多。请等待 {seconds} 秒后重试。"),
            Self::Suspended => "此账号已被停用。请联系平台。",
            Self::WrongMethod => "无法直接打开此页面。请返回重新开始。",
            Self::Busy => "当前登录人数过多。请稍后重试。",
            Self::StaleLogin => "此次登录已超时，或不是从本浏览器开始的。请返回应用重新开始。",
            Self::ProviderRefused(_) => "您未在那里登录成功。请返回应用重新开始。",
            Self::NotLinked(account, _) => {
                let name = account.subject();
                return format!("您在那里的账号尚未关联此处的店铺。请联系平台关联，账号标识为 {name}。");
            }
            Self::ProviderWrong(_) => "对方返回的内容不可信。请返回应用重新开始。",
            Self::ProviderAway(_) => "目前无法以此方式登录。请稍后重试。",
            Self::Unavailable(_) => "我们这边出了问题。请稍后重试。",
        };
        text.to_owned()
    }
}

/// A page that answers a form which came too late.
#[must_use]
pub fn stale(mut page: Response) -> Response {
    *page.status_mut() = StatusCode::BAD_REQUEST;
    PageError::StaleForm.refused().with(page)
}
