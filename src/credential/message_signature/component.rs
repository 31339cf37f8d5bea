//! What a signature covers: components of a request, by their identifiers (RFC 9421, section 2).
//!
//! Invariant: an identifier that is not known whole, parameters and all, is refused: nobody guesses what was meant to be signed.

use http::HeaderName;
use sfv::{BareItem, FieldType, Item};

use crate::domain::signature_mistake::SignatureError;
use crate::domain::signature_mistake::SignatureMistake::{ComponentUnknown, Malformed};

/// A component of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Component {
    /// `@method` (section 2.2.1).
    Method,
    /// `@target-uri` (section 2.2.2).
    TargetUri,
    /// `@authority` (section 2.2.3).
    Authority,
    /// `@scheme` (section 2.2.4).
    Scheme,
    /// `@request-target` (section 2.2.5).
    RequestTarget,
    /// `@path` (section 2.2.6).
    Path,
    /// `@query` (section 2.2.7).
    Query,
    /// `@query-param` of that encoded name (section 2.2.8).
    QueryParam(String),
    /// A field (section 2.1).
    Field(HeaderName, Form),
}

/// How a field is covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// As a structured field, written anew (`sf`).
    Structured,
    /// Each of its lines as bytes (`bs`).
    Bytes,
    /// One member of a dictionary (`key`).
    Member(String),
}

/// A component with its identifier as it stands in the signature base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Covered {
    pub(super) component: Component,
    pub(super) identifier: String,
}

/// Which of what must be covered is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Covers {
    /// The method.
    pub method: bool,
    /// The whole target.
    pub target: bool,
    /// The digest of the body.
    pub digest: bool,
}

impl Component {
    /// The field that it is of.
    pub(super) fn field_name(&self) -> Option<&HeaderName> {
        match self {
            Self::Field(name, _) => Some(name),
            Self::Method
            | Self::TargetUri
            | Self::Authority
            | Self::Scheme
            | Self::RequestTarget
            | Self::Path
            | Self::Query
            | Self::QueryParam(_) => None,
        }
    }
}

impl Covered {
    /// The component that an item of `Signature-Input` names.
    pub(super) fn of(item: &Item) -> Result<Self, SignatureError> {
        let identifier = item.serialize();
        let BareItem::String(name) = &item.bare_item else {
            let detail = "Signature-Input must name what is covered by strings";
            return Err(SignatureError::new(Malformed, detail));
        };
        let component = match name.as_str().strip_prefix('@') {
            Some(derived) => derived_component(derived, item),
            None => field(name.as_str(), item),
        };
        let component = component.ok_or_else(|| {
            let detail =
                format!("{identifier} is no component that is known here, or has parameters that are not");
            SignatureError::new(ComponentUnknown, detail)
        })?;
        Ok(Self { component, identifier })
    }
}

fn derived_component(name: &str, item: &Item) -> Option<Component> {
    if name == "query-param" {
        return match item.params.iter().next() {
            Some((key, BareItem::String(name))) if key.as_str() == "name" && item.params.len() == 1 => {
                Some(Component::QueryParam(name.as_str().to_owned()))
            }
            Some(_) | None => None,
        };
    }
    let component = match name {
        "method" => Component::Method,
        "target-uri" => Component::TargetUri,
        "authority" => Component::Authority,
        "scheme" => Component::Scheme,
        "request-target" => Component::RequestTarget,
        "path" => Component::Path,
        "query" => Component::Query,
        _ => return None,
    };
    item.params.is_empty().then_some(component)
}

fn field(name: &str, item: &Item) -> Option<Component> {
    // Section 2.1: in lower case, whatever the request has.
    let known = HeaderName::from_bytes(name.as_bytes()).ok().filter(|known| known.as_str() == name)?;
    let mut form = Form::Plain;
    for (key, value) in &item.params {
        form = match (form, key.as_str(), value) {
            (Form::Plain, "sf", BareItem::Boolean(true)) => Form::Structured,
            (Form::Plain, "bs", BareItem::Boolean(true)) => Form::Bytes,
            // A member is written anew in any case (section 2.1.2).
            (Form::Member(member), "sf", BareItem::Boolean(true)) => Form::Member(member),
            (Form::Plain | Form::Structured, "key", BareItem::String(member)) => {
                Form::Member(member.as_str().to_owned())
            }
            _ => return None,
        };
    }
    Some(Component::Field(known, form))
}

/// What of that which must be covered is.
pub(super) fn covers(covered: &[Covered]) -> Covers {
    let has = |wanted: &Component| covered.iter().any(|covered| covered.component == *wanted);
    let has_path = has(&Component::RequestTarget) || (has(&Component::Path) && has(&Component::Query));
    let is_digest = |covered: &Covered| match &covered.component {
        Component::Field(name, form) if name.as_str() == "content-digest" => match form {
            Form::Plain | Form::Structured | Form::Bytes => true,
            Form::Member(algorithm) => matches!(algorithm.as_str(), "sha-256" | "sha-512"),
        },
        _ => false,
    };
    Covers {
        method: has(&Component::Method),
        target: has(&Component::TargetUri) || (has(&Component::Authority) && has_path),
        digest: covered.iter().any(is_digest),
    }
}
