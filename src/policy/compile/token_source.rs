//! The `oauth2` section of an upstream. What a variable stands for is never told, since it may be a secret.

use std::sync::Arc;

use secrecy::SecretString;

use super::super::file::upstreams::{SecretPlaceName, UpstreamTokenEntry};
use super::super::load::Document;
use super::super::token_source::{SecretPlace, TokenSource};
use super::set::Compiling;
use super::variables::{Substituted, is_reference};
use crate::config::service_url::ServiceUrl;

/// Stands for a text of which a value is left open.
const OPEN_TEXT: &str = "left-open";
/// Stands for such an address (RFC 2606, section 2).
pub(super) const OPEN_URL: &str = "https://left-open.invalid/";

/// Longest scope of another server's, in bytes.
const MAX_SCOPE: usize = 256;

/// Where an upstream's token comes from; `None` if what stands at `pointer` is wrong, which is noted.
pub(super) fn token_source(
    compiling: &mut Compiling<'_>,
    document: &Document,
    pointer: &str,
    entry: &UpstreamTokenEntry,
) -> Option<Arc<TokenSource>> {
    let mut section = Section { compiling, document, pointer };
    let token_url = section.url("token_url", &entry.token_url);
    let client_id = section.text("client_id", &entry.client_id);
    let client_secret = section.secret("client_secret", &entry.client_secret);
    let audience = entry.audience.as_ref().map(|text| section.text("audience", text));
    let resource = entry.resource.as_ref().map(|text| section.text("resource", text));
    let scopes = section.scopes("scopes", &entry.scopes);
    Some(Arc::new(TokenSource {
        token_url: token_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        authentication: match entry.client_authentication {
            SecretPlaceName::ClientSecretBasic => SecretPlace::Header,
            SecretPlaceName::ClientSecretPost => SecretPlace::Form,
        },
        scopes: scopes?,
        audience: given(audience)?,
        resource: given(resource)?,
    }))
}

/// What may be left out, but must be right if it is there.
fn given(text: Option<Option<String>>) -> Option<Option<String>> {
    match text {
        None => Some(None),
        Some(text) => text.map(Some),
    }
}

/// A section of a file with variables in it.
pub(super) struct Section<'c, 'd> {
    pub(super) compiling: &'c mut Compiling<'d>,
    pub(super) document: &'c Document,
    pub(super) pointer: &'c str,
}

impl Section<'_, '_> {
    /// Notes that a field is wrong.
    pub(super) fn wrong(&mut self, field: &str, message: String, help: Option<&str>) {
        let pointer = format!("{}/{field}", self.pointer);
        self.compiling.wrong(self.document, &pointer, message, help.map(str::to_owned));
    }

    /// A text with its variables replaced, which must not be empty.
    pub(super) fn text(&mut self, field: &str, text: &str) -> Option<String> {
        self.text_or(field, text, OPEN_TEXT)
    }

    /// The same, with what stands for one that is left open.
    fn text_or(&mut self, field: &str, text: &str, open: &str) -> Option<String> {
        let pointer = format!("{}/{field}", self.pointer);
        let substituted = self.compiling.substitute(text);
        let value = match self.compiling.take(self.document, &pointer, substituted)? {
            Substituted::Known(value) => value,
            Substituted::Open => return Some(open.to_owned()),
        };
        if value.trim().is_empty() {
            self.wrong(field, format!("{text:?} gives nothing"), None);
            return None;
        }
        Some(value)
    }

    /// An address that the control plane calls.
    pub(super) fn url(&mut self, field: &str, text: &str) -> Option<ServiceUrl> {
        let value = self.text_or(field, text, OPEN_URL)?;
        let parsed = value.parse::<ServiceUrl>();
        parsed.map_err(|error| self.wrong(field, format!("{text:?} gives no address: {error}"), None)).ok()
    }

    /// A secret, which never stands in the file itself.
    pub(super) fn secret(&mut self, field: &str, text: &str) -> Option<SecretString> {
        if !is_reference(text) {
            let message = "a secret never stands in a policy file".to_owned();
            self.wrong(field, message, Some("write it as ${env:NAME} or ${file:PATH}, without a default"));
            return None;
        }
        self.text(field, text).map(SecretString::from)
    }

    /// Scopes of another server (RFC 6749, section 3.3).
    pub(super) fn scopes(&mut self, field: &str, scopes: &[String]) -> Option<Vec<String>> {
        let is_token = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        let is_scope =
            |scope: &str| !scope.is_empty() && scope.len() <= MAX_SCOPE && scope.bytes().all(is_token);
        let mut are_right = true;
        for (index, scope) in scopes.iter().enumerate().filter(|(_, scope)| !is_scope(scope)) {
            let message = format!("{scope:?} is not a scope: 1 to {MAX_SCOPE} visible ASCII characters");
            self.wrong(
                &format!("{field}/{index}"),
                message,
                Some("write one scope an entry, without blanks"),
            );
            are_right = false;
        }
        are_right.then(|| scopes.to_vec())
    }
}
