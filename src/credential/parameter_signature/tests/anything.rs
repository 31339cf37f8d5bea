//! Whatever is sent: what an independent signer signs is taken, what is changed is not, and nothing is read otherwise than by the
//! reference.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::top::Method;
use super::super::{Covered, Parameters, has_signature, means_signature, without};
use super::SECRET;
use crate::domain::hexadecimal::hexadecimal;
use crate::domain::signature_style::ParameterStyle;

type Pairs = BTreeMap<String, String>;

/// MD5, and HMAC with it by RFC 2104 itself.
fn md5(bytes: &[u8]) -> Vec<u8> {
    use md5::Digest;
    md5::Md5::digest(bytes).to_vec()
}

fn hmac_md5(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..secret.len()].copy_from_slice(secret);
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    md5(&[pad(0x5c), md5(&[&pad(0x36), message].concat())].concat())
}

fn string(pairs: &Pairs) -> String {
    pairs.iter().map(|(name, value)| format!("{name}{value}")).collect()
}

/// Signs as the documents say, in a few lines.
fn reference(method: &str, pairs: &Pairs) -> String {
    let (secret, string) = (SECRET.as_bytes(), string(pairs));
    let mac = match method {
        "md5" => md5(&[secret, string.as_bytes(), secret].concat()),
        "hmac" => hmac_md5(secret, string.as_bytes()),
        _ => {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
            aws_lc_rs::hmac::sign(&key, string.as_bytes()).as_ref().to_vec()
        }
    };
    hexadecimal(&mac).to_uppercase()
}

fn encode<'p>(pairs: impl Iterator<Item = (&'p String, &'p String)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Whether a call of these parameters is taken.
fn is_taken(method: &str, query: &str, form: &str) -> bool {
    let Ok(parameters) = Parameters::read(query, form) else { return false };
    let method = Method::named(method).unwrap();
    let bytes = parameters.sign().and_then(|sign| method.bytes(sign));
    bytes.is_some_and(|bytes| method.made(SECRET.as_bytes(), &parameters, &bytes))
}

/// All parameters as the reference reads them, but for `sign`, which is beside them.
fn read(query: &str, form: &str) -> (Pairs, Option<String>) {
    let parse = |text: &str| form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
    let mut pairs: Pairs = parse(query).into_iter().chain(parse(form)).collect();
    let sign = pairs.remove("sign");
    (pairs, sign)
}

fn pairs() -> impl Strategy<Value = Pairs> {
    let value = prop_oneof![any::<String>(), "[a-z0-9 %&=+]{0,12}"];
    prop::collection::btree_map("[a-z0-9_.A-Z]{1,8}", value, 1..12).prop_map(|mut pairs: Pairs| {
        pairs.remove("sign");
        pairs
    })
}

proptest! {
    #[test]
    fn what_the_reference_signs_is_taken_and_one_changed_byte_is_not(
        pairs in pairs(),
        method in prop::sample::select(vec!["md5", "hmac", "hmac-sha256"]),
        split in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        to in prop::sample::select(b"azAZ09-._%&=+".to_vec()),
    ) {
        let at = split.index(pairs.len() + 1);
        let query = encode(pairs.iter().take(at));
        let form = encode(pairs.iter().skip(at));
        let sign = reference(method, &pairs);
        let query = if query.is_empty() { format!("sign={sign}") } else { format!("{query}&sign={sign}") };
        prop_assert!(is_taken(method, &query, &form));

        let mut bytes = format!("{query}\n{form}").into_bytes();
        let changed = place.index(bytes.len());
        if bytes[changed] != b'\n' {
            bytes[changed] = if bytes[changed] == to { b'b' } else { to };
            let text = String::from_utf8(bytes).unwrap();
            let (query, form) = text.split_once('\n').unwrap();
            let (now, sign_now) = read(query, form);
            let is_same = string(&now) == string(&pairs) && sign_now.as_ref() == Some(&sign);
            prop_assert!(is_same || !is_taken(method, query, form), "{text}");
        }
    }

    #[test]
    fn whatever_is_sent_is_read_as_the_reference_reads_it_or_not_at_all(
        query in prop_oneof![any::<String>(), "[sign&=%+a4]{0,24}"],
        form in prop_oneof![any::<String>(), "[sign&=%+a4]{0,24}"],
    ) {
        let (pairs, sign) = read(&query, &form);
        if let Ok(parameters) = Parameters::read(&query, &form) {
            let found: Pairs =
                parameters.sorted().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            prop_assert_eq!(&found, &pairs);
            prop_assert_eq!(parameters.sign(), sign.as_deref().filter(|sign| !sign.is_empty()));
            prop_assert_eq!(has_signature(&query) || has_signature(&form), sign.is_some());
            let means = [&query, &form].iter().any(|text| means_signature(ParameterStyle::Top, text));
            prop_assert_eq!(means, sign.is_some() || pairs.contains_key("app_key"));
            for (name, value) in &pairs {
                prop_assert_eq!(parameters.get(name), Some(&**value).filter(|value| !value.is_empty()));
            }
            for covered in [Covered::All, Covered::AllButEmpty] {
                let spent = parameters.spent(covered);
                let (query, form) = (without(&query, &spent.query), without(&form, &spent.form));
                let is_left = |value: &String| covered == Covered::All || !value.is_empty();
                let left: Pairs = pairs.clone().into_iter().filter(|(_, value)| is_left(value)).collect();
                prop_assert_eq!(read(&query, &form), (left, None));
            }
        }
    }
}

#[test]
fn what_ends_here_is_taken_out_and_nothing_else_is_touched() {
    for (text, left, without_empty) in [
        ("sign=1", "", ""),
        ("sign=1&a=2", "a=2", "a=2"),
        ("a=2&sign=1", "a=2", "a=2"),
        ("a=%41&sign=1&b=+", "a=%41&b=+", "a=%41&b=+"),
        ("a=2&&sign=1", "a=2&", "a=2&"),
        ("b=&a=2&sign=1&c", "b=&a=2&c", "a=2"),
        ("{\"total_amount\":\"0.01\"}&sign=1", "{\"total_amount\":\"0.01\"}", ""),
    ] {
        let parameters = Parameters::read(text, "").unwrap();
        for (covered, left) in [(Covered::All, left), (Covered::AllButEmpty, without_empty)] {
            let spent = parameters.spent(covered);
            assert_eq!(without(text, &spent.query), left, "{text}");
            assert!(spent.form.is_empty());
        }
    }
    let parameters = Parameters::read("a=&sign=1", "x=1&b=&c&d=2").unwrap();
    let spent = parameters.spent(Covered::AllButEmpty);
    let left = (without("a=&sign=1", &spent.query), without("x=1&b=&c&d=2", &spent.form));
    assert_eq!(left, (String::new(), "x=1&d=2".to_owned()));
}
