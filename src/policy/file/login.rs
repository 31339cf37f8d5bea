//! How merchants log in: a section of `platform.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::upstreams::SecretPlaceName;

/// How merchants log in. Left out: by the passwords that the platform keeps.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginSection {
    /// Whether they may by the passwords that the platform keeps.
    #[serde(default = "yes")]
    pub password: bool,
    /// The identity provider by which they may (OpenID Connect).
    pub provider: Option<ProviderEntry>,
}

fn yes() -> bool {
    true
}

/// An identity provider that speaks OpenID Connect. `${env:NAME}` and `${file:PATH}` are replaced. It must know the address
/// of this gateway followed by /oauth/federated/callback as a redirect URI.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderEntry {
    /// Its issuer, letter by letter as its own metadata has it; https, or http of this machine itself.
    pub issuer: String,
    /// As whom the gateway asks.
    pub client_id: String,
    /// What it proves itself with: `${env:NAME}` or `${file:PATH}`. The secret itself never stands here.
    pub client_secret: String,
    /// How the secret is sent; `client_secret_basic` when left out.
    #[serde(default)]
    pub client_authentication: SecretPlaceName,
    /// What is asked for beside `openid`, such as `[email]` if accounts are linked by it.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What stands on the login page.
    pub label: LabelEntry,
    /// Whether each of its logins is one by two factors. Left out: only those with an `acr` of `two_factors_acr` are, and after
    /// any other a merchant with a second factor here is asked for it.
    #[serde(default)]
    pub always_two_factors: bool,
    /// Values of `acr` by which the provider says that somebody proved itself by two factors.
    #[serde(default)]
    pub two_factors_acr: Vec<String>,
    /// By which claim an account of the provider's is linked by itself; left out: only an administrator links.
    pub link_by: Option<LinkEntry>,
}

/// What stands on the login page for the provider, such as `{en: Company account, zh: 企业账号}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelEntry {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

/// By which claim an account of the provider's is linked by itself when it first logs in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkEntry {
    /// The claim whose value is the merchant's user name here: `email`, if the provider says that it is verified, or
    /// another. It must be one that nobody can give himself at the provider: whoever has the value gets the shop.
    pub claim: String,
    /// Whether a merchant is registered if there is none of that user name.
    #[serde(default)]
    pub create: bool,
}
