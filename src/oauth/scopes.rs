//! Which scopes an app gets that asks for some, or for none in particular, and what they are in words.

use super::pages::Language;
use super::router::OAuth;
use crate::domain::identity::App;
use crate::domain::scope::ScopeSet;
use crate::policy::snapshot::Snapshot;

/// Scopes in the merchant's words. One that the platform no longer knows stands for itself.
#[must_use]
pub fn in_words(snapshot: &Snapshot, scopes: &ScopeSet, language: Language) -> Vec<String> {
    let words = scopes.iter().map(|scope| match snapshot.scopes.get(scope) {
        Some(text) => language.pick(&text.en, &text.zh).to_owned(),
        None => scope.to_string(),
    });
    words.collect()
}

/// What `app` gets for the parameter `scope`: what it asks for, or, for nothing in particular, those of its default scopes
/// that it may still have. Never nothing: a token that permits nothing would only hide the mistake.
///
/// # Errors
/// What is wrong.
pub fn asked(oauth: &OAuth, app: &App, scope: Option<&str>) -> Result<ScopeSet, String> {
    let snapshot = oauth.live.load();
    let known: ScopeSet =
        app.scopes.iter().filter(|scope| snapshot.scopes.contains_key(*scope)).cloned().collect();
    let asked: ScopeSet = scope.unwrap_or_default().parse().map_err(|_| "scope is malformed".to_owned())?;
    if asked.is_empty() {
        let default = app.default_scopes().intersection(&known);
        return if default.is_empty() {
            Err("this app has no default scopes that the platform knows: name some".to_owned())
        } else {
            Ok(default)
        };
    }
    if known.covers(&asked) {
        Ok(asked)
    } else {
        Err(format!("this app cannot ask for {}", known.missing(&asked)))
    }
}
