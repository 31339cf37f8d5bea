//! What a new signature key signs: messages (RFC 9421), or sorted parameters as platforms have them; and how.

use serde_json::Value;

use super::fields::{self, Fields};
use crate::domain::signature_key::SignatureAlgorithm;
use crate::domain::signature_style::{ParameterStyle, SignatureStyle, WeakMethod, WeakMethods};
use crate::domain::time::Zone;

/// The names of all styles, as a mistake is told.
const STYLES: &str = "http, top or alipay";
/// The names of all algorithms.
const ALGORITHMS: &str = "hmac-sha256, ecdsa-p256-sha256, ed25519, rsa-v1_5-sha256 or rsa-pss-sha512";

/// What a body asks that a key signs, and by which algorithm; `None` for what is wrong, which is noted.
pub(super) fn signing(body: &mut Fields) -> (Option<SignatureStyle>, Option<SignatureAlgorithm>) {
    let named = |name: &str| match name {
        "http" => Some(None),
        name => ParameterStyle::named(name).map(Some),
    };
    let named = body.optional("style", fields::one_of(named, STYLES)).map(Option::flatten);
    (style(body, named), algorithm(body, named))
}

/// The style as a whole; that of messages has none of parameters.
fn style(body: &mut Fields, named: Option<Option<ParameterStyle>>) -> Option<SignatureStyle> {
    let zone = body.optional("zone", zone);
    let weak = body.optional("weak_methods", weak_methods);
    let (style, zone, weak) = (named?, zone?, weak?.unwrap_or_default());
    if style.is_none() && zone.is_some() {
        body.wrong(
            "zone",
            "is of the styles top and alipay alone: other signatures tell the time in seconds".to_owned(),
        );
        return None;
    }
    if style != Some(ParameterStyle::Top) && !weak.is_empty() {
        body.wrong("weak_methods", "are of the style top alone".to_owned());
        return None;
    }
    let zone = zone.unwrap_or_default();
    Some(match style {
        None => SignatureStyle::Http,
        Some(ParameterStyle::Top) => SignatureStyle::Top { zone, weak },
        Some(ParameterStyle::Alipay) => SignatureStyle::Alipay { zone },
    })
}

/// The algorithm; a style of parameters has one, which need not be named. Whether it must be is not known of a style that is wrong.
fn algorithm(body: &mut Fields, named: Option<Option<ParameterStyle>>) -> Option<SignatureAlgorithm> {
    let parse = fields::one_of(SignatureAlgorithm::named, ALGORITHMS);
    let only = match named {
        None => return body.optional("algorithm", parse).flatten(),
        Some(None) => return body.required("algorithm", parse),
        Some(Some(style)) => style.algorithm(),
    };
    let asked = body.optional("algorithm", parse)?.unwrap_or(only);
    if asked != only {
        body.wrong("algorithm", format!("must be {only} in this style, or be left out"));
        return None;
    }
    Some(asked)
}

fn zone(value: &Value) -> Result<Zone, String> {
    Zone::named(value.as_str().ok_or("must be a string")?).map_err(|error| error.to_string())
}

fn weak_methods(value: &Value) -> Result<WeakMethods, String> {
    let names = fields::texts(value)?;
    let methods: Option<WeakMethods> = names.iter().map(|name| WeakMethod::named(name)).collect();
    methods.ok_or_else(|| "must be a list of md5 and hmac, or of one of them".to_owned())
}
