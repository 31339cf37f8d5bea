//! The signature base (RFC 9421, section 2.5): what a signer signed, made again of what came. Also as it may be shown.

use http::{HeaderMap, Method, Uri, Version};

use super::component::{Component, Covered};
use super::{fields, query, shown};
use crate::domain::signature_mistake::SignatureError;
use crate::domain::signature_mistake::SignatureMistake::ComponentUnknown;

/// A request as whoever sent it sees it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    /// Its method.
    pub method: &'m Method,
    /// The scheme by which it was sent: `http` or `https`.
    pub scheme: &'m str,
    /// The authority that it names, as it came.
    pub authority: &'m str,
    /// Its target, as it came.
    pub uri: &'m Uri,
    /// The version of HTTP.
    pub version: Version,
    /// Its fields.
    pub headers: &'m HeaderMap,
}

impl Message<'_> {
    /// The signature base of a signature that covers that, and has `parameters`.
    pub(super) fn base(&self, covered: &[Covered], parameters: &str) -> Result<Vec<u8>, SignatureError> {
        self.lines(covered, parameters, |_, value| value).map(String::into_bytes)
    }

    /// The same as whoever sent the message may be shown it.
    pub(super) fn shown_base(
        &self,
        covered: &[Covered],
        parameters: &str,
    ) -> Result<Box<str>, SignatureError> {
        self.lines(covered, parameters, shown::value).map(shown::bounded)
    }

    /// The lines of a signature base, with each value as `tell` tells it.
    fn lines(
        &self,
        covered: &[Covered],
        parameters: &str,
        tell: impl Fn(&Component, String) -> String,
    ) -> Result<String, SignatureError> {
        let mut base = String::with_capacity(512);
        for Covered { component, identifier } in covered {
            let value = self.value(component).ok_or_else(|| {
                let detail = format!("{identifier} is covered, and the request has no such value");
                SignatureError::new(ComponentUnknown, detail)
            })?;
            base.push_str(identifier);
            base.push_str(": ");
            base.push_str(&tell(component, value));
            base.push('\n');
        }
        base.push_str("\"@signature-params\": ");
        base.push_str(parameters);
        Ok(base)
    }

    fn value(&self, component: &Component) -> Option<String> {
        let query = self.uri.query();
        Some(match component {
            Component::Method => self.method.as_str().to_owned(),
            Component::TargetUri => format!("{}://{}{}", self.scheme, self.authority, self.path_and_query()),
            Component::Authority => self.normal_authority(),
            Component::Scheme => self.scheme.to_owned(),
            Component::RequestTarget => self.request_target(),
            Component::Path => self.path().to_owned(),
            // Without a query the value is the mark alone.
            Component::Query => format!("?{}", query.unwrap_or_default()),
            Component::QueryParam(name) => query::parameter(query?, name)?,
            Component::Field(name, form) => fields::value((self.headers, self.version), name, form)?,
        })
    }

    fn path(&self) -> &str {
        match self.uri.path() {
            "" => "/",
            path => path,
        }
    }

    fn path_and_query(&self) -> String {
        match self.uri.query() {
            Some(query) => format!("{}?{query}", self.path()),
            None => self.path().to_owned(),
        }
    }

    /// In lower case and without the scheme's own port (section 2.2.3).
    fn normal_authority(&self) -> String {
        let authority = self.authority.to_ascii_lowercase();
        let own_port = if self.scheme == "https" { ":443" } else { ":80" };
        authority.strip_suffix(own_port).map_or_else(|| authority.clone(), str::to_owned)
    }

    /// As it stood in the request line, or in `:path` (section 2.2.5).
    fn request_target(&self) -> String {
        match self.uri.authority() {
            Some(_) if self.version != Version::HTTP_2 => self.uri.to_string(),
            Some(_) | None => self.path_and_query(),
        }
    }
}
