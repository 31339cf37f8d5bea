//! A signature of sorted parameters: what it says of itself, and whether it holds. The first thing that is wrong is told.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::request_key::RequestKey;
use super::alipay::{self, Empty};
use super::parameters::{Covered, Parameters, malformed};
use super::top;
use crate::domain::hexadecimal::hexadecimal;
use crate::domain::signature_mistake::SignatureError;
use crate::domain::signature_mistake::SignatureMistake::{
    AlgorithmMismatch, Mismatch, ParameterMissing, TooEarly, TooOld,
};
use crate::domain::signature_style::{ParameterStyle, SignatureStyle};
use crate::domain::time::{Shown, Timestamp, Zone};

/// By how much `timestamp` may differ from the time of day (TOP, documents 101617 and 105423).
pub const WINDOW: Duration = Duration::from_secs(600);
/// Longest list of names that a mistake is told with, in bytes.
const LONGEST_LIST: usize = 600;
/// The only `sign_type` of Alipay that is taken: RSA with SHA-256.
const RSA2: &str = "RSA2";

/// A signature of sorted parameters.
#[derive(Debug)]
pub struct ParameterSignature<'p> {
    parameters: &'p Parameters<'p>,
    key: &'p str,
    timestamp: &'p str,
    method: Method,
    bytes: Vec<u8>,
}

/// How it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Top(top::Method),
    Alipay,
}

impl<'p> ParameterSignature<'p> {
    /// What the parameters of a call say of their signature.
    ///
    /// # Errors
    /// [`ParameterMissing`], [`AlgorithmMismatch`], `Malformed`.
    pub fn read(style: ParameterStyle, parameters: &'p Parameters<'p>) -> Result<Self, SignatureError> {
        let named = |name: &str| parameters.get(name).ok_or_else(|| missing(name));
        let sign = parameters.sign().ok_or_else(|| missing("sign"))?;
        let key = named(style.key_name())?;
        let (method, bytes) = match style {
            ParameterStyle::Top => of_top(sign, named("sign_method")?)?,
            ParameterStyle::Alipay => {
                check_charset(parameters.get("charset"))?;
                if alipay::has_unclear_name(parameters) {
                    return Err(malformed("a parameter's name is empty, or has = or & in it"));
                }
                of_alipay(sign, named("sign_type")?)?
            }
        };
        Ok(Self { parameters, key, timestamp: named("timestamp")?, method, bytes })
    }

    /// The id of the key that it names.
    #[must_use]
    pub fn key(&self) -> &str {
        self.key
    }

    /// The signature, by which it is known should it come again.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// When it was made, if `key` signs in its style and by its method, and if that is not too far from `now`. Where clocks have shown the
    /// time twice, the nearer one counts, and both are given.
    ///
    /// # Errors
    /// [`AlgorithmMismatch`], [`TooOld`], [`TooEarly`], `Malformed`.
    pub fn check_terms(&self, key: &RequestKey, now: Timestamp) -> Result<Shown, SignatureError> {
        let style = key.style();
        match (self.method, style) {
            (Method::Top(top::Method::HmacSha256), SignatureStyle::Top { zone, .. })
            | (Method::Alipay, SignatureStyle::Alipay { zone }) => self.check_time(zone, now),
            (Method::Top(top::Method::Weak(method)), SignatureStyle::Top { zone, weak }) => {
                match weak.has(method) {
                    true => self.check_time(zone, now),
                    false => Err(weak_method(method.name())),
                }
            }
            (Method::Top(_) | Method::Alipay, style) => Err(another_style(self.key, style)),
        }
    }

    fn check_time(&self, zone: &Zone, now: Timestamp) -> Result<Shown, SignatureError> {
        let Some(shown) = zone.when(self.timestamp) else {
            return Err(malformed("timestamp must be of the form 2026-11-24 16:00:00"));
        };
        let made_at = shown.nearest(now);
        let told = |span: Duration, way: &str| {
            let (name, shown) = (zone.name(), zone.shown(now));
            format!(
                "timestamp is {} {way}: for this key it is the time of {name}, where it is {shown} now, and may differ by 10 minutes",
                in_words(span)
            )
        };
        if now >= made_at.plus(WINDOW) {
            return Err(SignatureError::new(TooOld, told(now.since(made_at), "old")));
        }
        if made_at > now.plus(WINDOW) {
            return Err(SignatureError::new(TooEarly, told(made_at.since(now), "ahead")));
        }
        Ok(shown)
    }

    /// Whether the key made it of the parameters, and of which.
    ///
    /// # Errors
    /// [`Mismatch`], with what was to be signed, but for the secret and the values.
    pub fn check(&self, key: &RequestKey) -> Result<Covered, SignatureError> {
        match self.method {
            Method::Top(method) => {
                let secret = key.shared_secret().unwrap_or_default();
                match !secret.is_empty() && method.made(secret, self.parameters, &self.bytes) {
                    true => Ok(Covered::All),
                    false => Err(self.mismatch(&top::string(self.parameters))),
                }
            }
            Method::Alipay => self.check_alipay(key),
        }
    }

    /// One that covers all is looked for first: only then does all go on.
    fn check_alipay(&self, key: &RequestKey) -> Result<Covered, SignatureError> {
        let all = alipay::string(self.parameters, Empty::Signed);
        if key.made(&self.bytes, &all) {
            return Ok(Covered::All);
        }
        if !alipay::has_empty(self.parameters) {
            return Err(self.mismatch(&all));
        }
        let left = alipay::string(self.parameters, Empty::LeftOut);
        if key.made(&self.bytes, &left) { Ok(Covered::AllButEmpty) } else { Err(self.mismatch(&left)) }
    }

    fn mismatch(&self, signed: &[u8]) -> SignatureError {
        let (what, between) = match self.method {
            Method::Top(method) => (method.name(), ", each followed by its value, with nothing between them"),
            Method::Alipay => (RSA2, ", each as name=value, with & between them"),
        };
        let (length, hash) = (signed.len(), hexadecimal(digest(&SHA256, signed).as_ref()));
        let names = self.names();
        let detail = format!(
            "sign does not fit the parameters and the key: it must be the {what} of {names}{between}, decoded and in UTF-8 \
             ({length} bytes, of which the SHA-256 is {hash})"
        );
        SignatureError::new(Mismatch, detail)
    }

    /// The names of what was to be signed, in order; so many of them as can be told.
    fn names(&self) -> String {
        let mut names = String::new();
        for (name, value) in self.parameters.sorted() {
            if self.method == Method::Alipay && value.is_empty() {
                continue;
            }
            if names.len() + name.len() > LONGEST_LIST {
                names.push_str(", …");
                break;
            }
            if !names.is_empty() {
                names.push_str(", ");
            }
            names.extend(name.escape_debug());
        }
        names
    }
}

fn of_top(sign: &str, method: &str) -> Result<(Method, Vec<u8>), SignatureError> {
    let Some(method) = top::Method::named(method) else {
        let detail = format!("sign_method must be {}", top::Method::NAMES);
        return Err(SignatureError::new(AlgorithmMismatch, detail));
    };
    let bytes = method.bytes(sign).ok_or_else(|| {
        let (name, digits) = (method.name(), method.digits());
        malformed(format!("sign must be {digits} hexadecimal digits in upper case, as sign_method is {name}"))
    })?;
    Ok((Method::Top(method), bytes))
}

fn of_alipay(sign: &str, kind: &str) -> Result<(Method, Vec<u8>), SignatureError> {
    if kind != RSA2 {
        return Err(SignatureError::new(AlgorithmMismatch, "sign_type must be RSA2"));
    }
    match STANDARD.decode(sign) {
        Ok(bytes) => Ok((Method::Alipay, bytes)),
        Err(_) => Err(malformed("sign must be Base64, with each + of it sent as %2B")),
    }
}

/// What is signed is text in this charset, and no other is read here.
fn check_charset(charset: Option<&str>) -> Result<(), SignatureError> {
    match charset {
        Some(charset) if !charset.eq_ignore_ascii_case("utf-8") => Err(malformed("charset must be utf-8")),
        Some(_) | None => Ok(()),
    }
}

fn missing(name: &str) -> SignatureError {
    SignatureError::new(ParameterMissing, format!("the parameter {name} is missing"))
}

fn weak_method(name: &str) -> SignatureError {
    let detail = format!(
        "sign_method {name} rests on MD5, and the platform does not take it of this key: use hmac-sha256"
    );
    SignatureError::new(AlgorithmMismatch, detail)
}

fn another_style(key: &str, style: &SignatureStyle) -> SignatureError {
    let detail = format!("{key} is a key of the style {}, and this route takes another", style.name());
    SignatureError::new(AlgorithmMismatch, detail)
}

/// A span of time for people.
fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        _ => format!("{} hours", seconds / 3600),
    }
}
