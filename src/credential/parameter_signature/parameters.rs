//! The parameters of a call, of its query and its form together: each once, sorted by name. What could be read in two ways is
//! refused, as the upstream reads them again: names that come twice, percent signs that escape nothing, and what is not UTF-8.

use std::borrow::Cow;
use std::ops::Range;

use crate::domain::signature_mistake::SignatureError;
use crate::domain::signature_mistake::SignatureMistake::Malformed;
use crate::domain::signature_style::ParameterStyle;

/// The parameter that has the signature.
const SIGN: &str = "sign";
/// Parameters of a call at most.
const MOST: usize = 1000;

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// In the query.
    Query,
    /// In the form that is the body.
    Form,
}

/// The parameters of a call that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters<'r> {
    /// By name, without `sign`.
    sorted: Vec<Parameter<'r>>,
    sign: Option<Cow<'r, str>>,
    /// Where `sign` stands.
    place: Option<(Source, Range<usize>)>,
    /// Where those stand that have no value.
    empty: Vec<(Source, Range<usize>)>,
}

/// What a signature covers of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covered {
    /// Each of them.
    All,
    /// Those that have a value: whoever passes a signed call on may add others.
    AllButEmpty,
}

/// Where the parameters stand that do not go on: the bytes of each, with its name and value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent {
    /// In the query.
    pub query: Vec<Range<usize>>,
    /// In the form.
    pub form: Vec<Range<usize>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parameter<'r> {
    name: Cow<'r, str>,
    value: Cow<'r, str>,
}

/// Whether there is a signature in a query or form.
#[must_use]
pub fn has_signature(text: &str) -> bool {
    has(&[SIGN], text)
}

/// Whether there is one, or the name of a key by which there ought to be one.
#[must_use]
pub fn means_signature(style: ParameterStyle, text: &str) -> bool {
    has(&[SIGN, style.key_name()], text)
}

fn has(names: &[&str], text: &str) -> bool {
    form_urlencoded::parse(text.as_bytes()).any(|(name, _)| names.contains(&&*name))
}

/// A text of parameters without those at `places`, which are in order, each with the `&` that parts it from a neighbour. The rest is as
/// it was.
#[must_use]
pub fn without(text: &str, places: &[Range<usize>]) -> String {
    let (mut at, mut places) = (0_usize, places.iter().peekable());
    let kept = text.split('&').filter(|pair| {
        let start = at;
        at = at.saturating_add(pair.len()).saturating_add(1);
        places.next_if(|place| place.start == start).is_none()
    });
    kept.collect::<Vec<_>>().join("&")
}

impl<'r> Parameters<'r> {
    /// Those of a query and a form.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(query: &'r str, form: &'r str) -> Result<Self, SignatureError> {
        let mut read = Self { sorted: Vec::new(), sign: None, place: None, empty: Vec::new() };
        read.take(Source::Query, query)?;
        read.take(Source::Form, form)?;
        read.sorted.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        match read.sorted.windows(2).find(|pair| pair[0].name == pair[1].name) {
            Some(twice) => Err(repeated(&twice[0].name)),
            None => Ok(read),
        }
    }

    fn take(&mut self, source: Source, text: &'r str) -> Result<(), SignatureError> {
        let mut at = 0_usize;
        for pair in text.split('&') {
            let place = at..at.saturating_add(pair.len());
            at = place.end.saturating_add(1);
            if pair.is_empty() {
                continue;
            }
            if self.sorted.len() >= MOST {
                return Err(malformed(format!("there are more than {MOST} parameters")));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if name != SIGN {
                if value.is_empty() {
                    self.empty.push((source, place));
                }
                self.sorted.push(Parameter { name, value });
            } else if self.place.is_none() {
                (self.sign, self.place) = (Some(value), Some((source, place)));
            } else {
                return Err(repeated(SIGN));
            }
        }
        Ok(())
    }

    /// The value of the parameter of that name; one that is empty counts as none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let place = self.sorted.binary_search_by(|parameter| (*parameter.name).cmp(name)).ok()?;
        self.sorted.get(place).map(|parameter| &*parameter.value).filter(|value| !value.is_empty())
    }

    /// The signature, as it stands.
    #[must_use]
    pub fn sign(&self) -> Option<&str> {
        self.sign.as_deref().filter(|sign| !sign.is_empty())
    }

    /// Where those stand that do not go on once the signature was taken: itself, and what it does not cover.
    #[must_use]
    pub fn spent(&self, covered: Covered) -> Spent {
        let empty = match covered {
            Covered::All => &[][..],
            Covered::AllButEmpty => &self.empty,
        };
        let mut spent = Spent::default();
        for (source, place) in self.place.iter().chain(empty) {
            match source {
                Source::Query => spent.query.push(place.clone()),
                Source::Form => spent.form.push(place.clone()),
            }
        }
        spent.query.sort_unstable_by_key(|place| place.start);
        spent.form.sort_unstable_by_key(|place| place.start);
        spent
    }

    /// Names and values of all that is to be signed, by name.
    pub fn sorted(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sorted.iter().map(|parameter| (&*parameter.name, &*parameter.value))
    }
}

/// Undoes `application/x-www-form-urlencoded`; nothing is copied that has no escapes.
fn decode(text: &str) -> Result<Cow<'_, str>, SignatureError> {
    let bytes = text.as_bytes();
    let Some(first) = bytes.iter().position(|byte| matches!(byte, b'%' | b'+')) else {
        return Ok(Cow::Borrowed(text));
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(&bytes[..first]);
    let mut rest = bytes[first..].iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => escaped(rest.next(), rest.next())
                .ok_or_else(|| malformed("a parameter has a % without two hexadecimal digits"))?,
            byte => *byte,
        });
    }
    let decoded = String::from_utf8(decoded).map_err(|_| malformed("a parameter is not UTF-8"))?;
    Ok(Cow::Owned(decoded))
}

fn escaped(high: Option<&u8>, low: Option<&u8>) -> Option<u8> {
    let digit = |byte: Option<&u8>| u8::try_from(char::from(*byte?).to_digit(16)?).ok();
    Some(digit(high)? << 4 | digit(low)?)
}

fn repeated(name: &str) -> SignatureError {
    let name: String = name.chars().take(64).collect();
    malformed(format!("the parameter {} is there twice", name.escape_debug()))
}

pub(super) fn malformed(detail: impl Into<String>) -> SignatureError {
    SignatureError::new(Malformed, detail)
}
