//! The one signature of a request, as `Signature-Input` and `Signature` say it (RFC 9421, section 4), and what can be wrong with
//! it before anyone looks for its key.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use sfv::visitor::{DictionaryVisitor, EntryVisitor};
use sfv::{BareItem, Dictionary, InnerList, Item, KeyRef, ListEntry, Parser};

use super::base::Message;
use super::component::{Covered, Covers, covers};
use super::fields::{combined, entry};
use crate::domain::signature_mistake::SignatureError;
use crate::domain::signature_mistake::SignatureMistake::{
    self, ComponentMissing, Malformed, ParameterMissing, TooEarly, TooOld,
};
use crate::domain::time::Timestamp;

/// The field that says what is signed, and how.
pub const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
/// The field with the signature.
pub const SIGNATURE: HeaderName = HeaderName::from_static("signature");
/// Most components that a signature covers: each is looked for in the request.
const MAX_COMPONENTS: usize = 32;
/// Longest nonce, in bytes.
const MAX_NONCE: usize = 256;
/// So far the clock of a signer may go ahead.
pub(crate) const AHEAD: Duration = Duration::from_secs(10);

/// Whether a request has a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// It has none.
    Absent,
    /// It has one, or may have.
    Present,
}

/// The signature of a request, of which no key has been looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageSignature {
    /// The id of the key that is said to have made it.
    pub key: String,
    /// The algorithm that it names, if it names one.
    pub algorithm: Option<String>,
    /// What makes it a signature that is used once.
    pub nonce: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it expires, if it does before it is too old.
    pub expires: Option<Timestamp>,
    /// Which of what must be covered is.
    pub covers: Covers,
    covered: Vec<Covered>,
    parameters: String,
    signature: Vec<u8>,
}

impl MessageSignature {
    /// The one signature of a request.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn read(headers: &HeaderMap) -> Result<Self, SignatureError> {
        let Written { covered, parameters, line, signature } = Written::read(headers)?;
        let missing = |name| {
            SignatureError::new(ParameterMissing, format!("Signature-Input must have the parameter {name}"))
        };
        let nonce = parameters.nonce.ok_or_else(|| missing("nonce"))?;
        if nonce.is_empty() || nonce.len() > MAX_NONCE {
            return Err(malformed(format!("nonce must have 1 to {MAX_NONCE} characters")));
        }
        Ok(Self {
            key: parameters.keyid.ok_or_else(|| missing("keyid"))?,
            algorithm: parameters.alg,
            nonce,
            created: parameters.created.ok_or_else(|| missing("created"))?,
            expires: parameters.expires,
            covers: covers(&covered),
            covered,
            parameters: line,
            signature,
        })
    }

    /// Until when it may be used, if it may be at `now`, by which it is at most `window` old.
    ///
    /// # Errors
    /// [`SignatureMistake::TooOld`], [`SignatureMistake::TooEarly`].
    pub fn check_time(&self, now: Timestamp, window: Duration) -> Result<Timestamp, SignatureError> {
        let ends_at = self.created.plus(window);
        let ends_at = self.expires.map_or(ends_at, |expires| expires.min(ends_at));
        let wrong = |mistake: SignatureMistake, detail: String| Err(SignatureError::new(mistake, detail));
        if self.created > now.plus(AHEAD) {
            let seconds = self.created.since(now).as_secs();
            return wrong(TooEarly, format!("created is {seconds} s ahead of this gateway's clock"));
        }
        if now >= self.created.plus(window) {
            let (age, most) = (now.since(self.created).as_secs(), window.as_secs());
            return wrong(
                TooOld,
                format!("created is {age} s ago, and {most} s is the most: sign each request anew"),
            );
        }
        if now >= ends_at {
            return wrong(TooOld, "the signature has expired, as expires says".to_owned());
        }
        Ok(ends_at)
    }

    /// Whether it covers what it must.
    ///
    /// # Errors
    /// [`SignatureMistake::ComponentMissing`].
    pub fn check_covers(&self, body: Body) -> Result<(), SignatureError> {
        let missing = |what: &str| {
            Err(SignatureError::new(ComponentMissing, format!("the signature must cover {what}")))
        };
        match (self.covers, body) {
            (Covers { method: false, .. }, _) => missing("\"@method\""),
            (Covers { target: false, .. }, _) => {
                missing("\"@target-uri\", or \"@authority\", \"@path\" and \"@query\"")
            }
            (Covers { digest: false, .. }, Body::Present) => {
                missing("\"content-digest\", by sha-256 or sha-512, of a request with a body")
            }
            (Covers { .. }, Body::Present | Body::Absent) => Ok(()),
        }
    }

    /// The fields that it covers.
    pub fn fields(&self) -> impl Iterator<Item = &HeaderName> {
        self.covered.iter().filter_map(|covered| covered.component.field_name())
    }

    /// What must have been signed of `message`, byte for byte.
    ///
    /// # Errors
    /// [`SignatureMistake::ComponentUnknown`].
    pub fn base(&self, message: &Message<'_>) -> Result<Vec<u8>, SignatureError> {
        message.base(&self.covered, &self.parameters)
    }

    /// The same as whoever sent the message may be shown it, to compare it with what he signed: short enough for an answer, and of
    /// fields only the values that are no secret of anybody.
    ///
    /// # Errors
    /// As [`Self::base`].
    pub fn shown_base(&self, message: &Message<'_>) -> Result<Box<str>, SignatureError> {
        message.shown_base(&self.covered, &self.parameters)
    }

    /// The signature itself.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.signature
    }
}

/// The one signature of a request as it is written, whatever it has or lacks.
pub(super) struct Written {
    pub(super) covered: Vec<Covered>,
    parameters: Parameters,
    /// What is covered and all parameters, written anew (section 2.5).
    pub(super) line: String,
    pub(super) signature: Vec<u8>,
}

impl Written {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, SignatureError> {
        let (label, input) = only(headers, &SIGNATURE_INPUT)?;
        let (signed_label, signature) = only(headers, &SIGNATURE)?;
        if label != signed_label {
            return Err(malformed("Signature and Signature-Input must have the same label"));
        }
        let ListEntry::InnerList(list) = &input else {
            return Err(malformed("Signature-Input must have a list of what is covered"));
        };
        let signature = match signature {
            ListEntry::Item(Item { bare_item: BareItem::ByteSequence(bytes), .. }) => bytes,
            ListEntry::Item(_) | ListEntry::InnerList(_) => {
                return Err(malformed("Signature must be bytes in base 64 between colons"));
            }
        };
        let (covered, parameters) = (covered(list)?, Parameters::of(list)?);
        Ok(Self { covered, parameters, line: entry(&input), signature })
    }
}

/// The parameters of a signature (section 2.3). What it is for (`tag`) is not asked.
#[derive(Default)]
struct Parameters {
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
    nonce: Option<String>,
    alg: Option<String>,
    keyid: Option<String>,
}

impl Parameters {
    fn of(list: &InnerList) -> Result<Self, SignatureError> {
        let mut parameters = Self::default();
        for (key, value) in &list.params {
            match (key.as_str(), value) {
                ("created", BareItem::Integer(seconds)) => {
                    parameters.created = Some(Timestamp::from_seconds((*seconds).into()));
                }
                ("expires", BareItem::Integer(seconds)) => {
                    parameters.expires = Some(Timestamp::from_seconds((*seconds).into()));
                }
                ("nonce", BareItem::String(text)) => parameters.nonce = Some(text.as_str().to_owned()),
                ("alg", BareItem::String(text)) => parameters.alg = Some(text.as_str().to_owned()),
                ("keyid", BareItem::String(text)) => parameters.keyid = Some(text.as_str().to_owned()),
                ("tag", BareItem::String(_)) => {}
                (name, _) => {
                    return Err(malformed(format!(
                        "{name} is no parameter of a signature that is known here, or is of another type"
                    )));
                }
            }
        }
        Ok(parameters)
    }
}

fn covered(list: &InnerList) -> Result<Vec<Covered>, SignatureError> {
    if list.items.len() > MAX_COMPONENTS {
        return Err(malformed(format!("a signature may cover {MAX_COMPONENTS} components")));
    }
    let mut all: Vec<Covered> = Vec::with_capacity(list.items.len());
    for item in &list.items {
        let covered = Covered::of(item)?;
        // Section 2.5: each identifier once. Two that mean the same are as bad.
        if all.iter().any(|other| other.component == covered.component) {
            return Err(malformed(format!("{} is covered twice", covered.identifier)));
        }
        all.push(covered);
    }
    Ok(all)
}

/// The only member of a dictionary field.
fn only(headers: &HeaderMap, name: &HeaderName) -> Result<(String, ListEntry), SignatureError> {
    let unreadable = || malformed(format!("{name} must be a dictionary of one signature"));
    let text = combined(headers, name, ", ").ok_or_else(unreadable)?;
    let members = Parser::new(&text).parse_dictionary_with_visitor(Distinct(Dictionary::new()));
    let mut members = members.map_err(|_| unreadable())?.into_iter();
    match (members.next(), members.next()) {
        (Some((label, entry)), None) => Ok((label.as_str().to_owned(), entry)),
        (Some(_), Some(_)) => Err(malformed(format!("{name} has more than one signature: send one"))),
        (None, _) => Err(unreadable()),
    }
}

/// A dictionary in which no key comes twice, where others would take the last.
struct Distinct(Dictionary);

/// A key came twice.
#[derive(Debug, thiserror::Error)]
#[error("a label comes twice")]
struct Repeated;

impl<'de> DictionaryVisitor<'de> for Distinct {
    type Out = Dictionary;
    type Error = Repeated;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Repeated> {
        if self.0.contains_key(key) {
            return Err(Repeated);
        }
        DictionaryVisitor::entry(&mut self.0, key).map_err(|never| match never {})
    }

    fn finish(self) -> Result<Dictionary, Repeated> {
        Ok(self.0)
    }
}

fn malformed(detail: impl Into<String>) -> SignatureError {
    SignatureError::new(Malformed, detail)
}
