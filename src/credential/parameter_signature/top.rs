//! The signature of TOP: over the names and values of all parameters but `sign`, in order, with nothing between them.
//!
//! Where one name or value ends is not signed, so that `a=1&b=2` and `a=1b2` are alike: that is TOP's, and an app that needs more
//! signs messages (RFC 9421).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac as sha;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

use super::parameters::Parameters;
use crate::domain::hexadecimal::from_hexadecimal;
use crate::domain::signature_style::WeakMethod;

/// How a call is signed (`sign_method`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// HMAC with SHA-256.
    HmacSha256,
    /// One that rests on MD5.
    Weak(WeakMethod),
}

impl Method {
    /// Those that there are, as a mistake is told.
    pub(super) const NAMES: &str = "hmac-sha256, hmac or md5";

    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "hmac-sha256" => Some(Self::HmacSha256),
            name => WeakMethod::named(name).map(Self::Weak),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::Weak(method) => method.name(),
        }
    }

    /// How many digits a signature has.
    pub(super) fn digits(self) -> usize {
        match self {
            Self::HmacSha256 => 64,
            Self::Weak(WeakMethod::Md5 | WeakMethod::Hmac) => 32,
        }
    }

    /// The bytes of a signature: hexadecimal digits in upper case, as many as the method makes.
    pub(super) fn bytes(self, sign: &str) -> Option<Vec<u8>> {
        if sign.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        match self {
            Self::HmacSha256 => from_hexadecimal::<32>(sign).map(Vec::from),
            Self::Weak(WeakMethod::Md5 | WeakMethod::Hmac) => from_hexadecimal::<16>(sign).map(Vec::from),
        }
    }

    /// Whether `secret` makes `signature` of the parameters. How much of it is right cannot be told by the time that this takes.
    pub(super) fn made(self, secret: &[u8], parameters: &Parameters<'_>, signature: &[u8]) -> bool {
        match self {
            Self::HmacSha256 => {
                let mut context = sha::Context::with_key(&sha::Key::new(sha::HMAC_SHA256, secret));
                each(parameters, |piece| context.update(piece));
                verify_slices_are_equal(context.sign().as_ref(), signature).is_ok()
            }
            Self::Weak(WeakMethod::Hmac) => {
                let Ok(mut mac) = Hmac::<Md5>::new_from_slice(secret) else { return false };
                each(parameters, |piece| mac.update(piece));
                mac.verify_slice(signature).is_ok()
            }
            Self::Weak(WeakMethod::Md5) => {
                let mut digest = Md5::new();
                digest.update(secret);
                each(parameters, |piece| digest.update(piece));
                digest.update(secret);
                verify_slices_are_equal(&digest.finalize(), signature).is_ok()
            }
        }
    }
}

/// Gives what is signed to `see`, piece by piece.
fn each(parameters: &Parameters<'_>, mut see: impl FnMut(&[u8])) {
    for (name, value) in parameters.sorted() {
        see(name.as_bytes());
        see(value.as_bytes());
    }
}

/// What is signed, whole.
pub(super) fn string(parameters: &Parameters<'_>) -> Vec<u8> {
    let mut string = Vec::new();
    each(parameters, |piece| string.extend_from_slice(piece));
    string
}
