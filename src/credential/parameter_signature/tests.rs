//! Signatures of parameters: the published vectors, and what is told of each mistake.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::alipay::Empty;
use super::*;
use crate::credential::jwk::PublicKey;
use crate::credential::request_key::{RequestKey, belongs_to};
use crate::credential::sealing::SealingKey;
use crate::domain::id::SignatureKeyId;
use crate::domain::random::{Random, RandomUnavailable};
use crate::domain::signature_key::SignatureKeyMaterial;
use crate::domain::signature_mistake::SignatureError;
use crate::domain::signature_mistake::SignatureMistake::{self, *};
use crate::domain::signature_style::{ParameterStyle, SignatureStyle, WeakMethod, WeakMethods};
use crate::domain::time::{Timestamp, Zone};

mod anything;

/// The secret of the vectors.
const SECRET: &str = "helloworld";

struct Zeros;

impl Random for Zeros {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        bytes.fill(0);
        Ok(())
    }
}

fn open(
    style: &SignatureStyle,
    material: impl FnOnce(&SignatureKeyId, &SealingKey) -> SignatureKeyMaterial,
) -> RequestKey {
    let (id, sealing) = (SignatureKeyId::new("sgk_1").unwrap(), SealingKey::new(&[7; 32]).unwrap());
    let material = material(&id, &sealing);
    let algorithm = style.parameters().unwrap().algorithm();
    RequestKey::open((&id, Timestamp::default()), (style, algorithm), &material, &sealing).unwrap()
}

/// A key of TOP that takes these methods beside HMAC-SHA256.
fn top_key(weak: &[WeakMethod]) -> RequestKey {
    let style = SignatureStyle::Top { zone: Zone::default(), weak: weak.iter().copied().collect() };
    open(&style, |id, sealing| {
        SignatureKeyMaterial::Sealed(sealing.seal(&belongs_to(id), SECRET.as_bytes(), &Zeros).unwrap())
    })
}

fn alipay_key(pair: &RsaKeyPair) -> RequestKey {
    let modulus = pair.public_key().modulus().big_endian_without_leading_zero();
    let jwk = PublicKey::of_rsa(modulus, &[1, 0, 1]).unwrap().to_jwk();
    open(&SignatureStyle::Alipay { zone: Zone::default() }, |_, _| SignatureKeyMaterial::Public(jwk))
}

/// A signature by RSA, in Base64 and escaped.
fn rsa(pair: &RsaKeyPair, padding: &'static dyn RsaEncoding, text: &str) -> String {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    form_urlencoded::byte_serialize(STANDARD.encode(signature).as_bytes()).collect()
}

fn now() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().unwrap()
}

/// What becomes of a call with that query and form: taken, or the mistake and what is told of it.
fn take(key: &RequestKey, texts: (&str, &str), now: Timestamp) -> Result<(), (SignatureMistake, String)> {
    covered(key, texts, now).map(|_| ())
}

/// What is covered of it, if it is taken.
fn covered(
    key: &RequestKey,
    (query, form): (&str, &str),
    now: Timestamp,
) -> Result<Covered, (SignatureMistake, String)> {
    let told = |error: SignatureError| (error.mistake, error.detail);
    let style = match key.style().parameters() {
        Some(style) => style,
        None => ParameterStyle::Top,
    };
    let parameters = Parameters::read(query, form).map_err(told)?;
    let signature = ParameterSignature::read(style, &parameters).map_err(told)?;
    signature.check_terms(key, now).map_err(told)?;
    signature.check(key).map_err(told)
}

/// Of TOP's documents (101617, 105423): foo=1, bar=2, foo_bar=3, foobar=4 by the secret `helloworld`.
#[test]
fn the_published_vectors_of_top_pass_byte_for_byte() {
    let parameters = Parameters::read("foo=1&bar=2", "foo_bar=3&foobar=4&sign=x").unwrap();
    assert_eq!(top::string(&parameters), b"bar2foo1foo_bar3foobar4");
    for (method, sign) in [
        ("md5", "5AAF1C690262A24768F5478B084C2C8A"),
        ("hmac", "E687005F819D6F9E6ED085311C8ACC75"),
        ("hmac-sha256", "339676BF36C50A8BD3D8F6B4A81B2F9AA614B05BFCFEBEFC169CB830D6B77D3B"),
    ] {
        let method = top::Method::named(method).unwrap();
        let bytes = method.bytes(sign).unwrap();
        assert!(method.made(SECRET.as_bytes(), &parameters, &bytes), "{method:?}");
        assert!(!method.made(b"helloworlD", &parameters, &bytes), "{method:?}");
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(!method.made(SECRET.as_bytes(), &parameters, &other), "{method:?} {at}");
        }
        assert!(!method.made(SECRET.as_bytes(), &parameters, &bytes[1..]), "{method:?}");
        for wrong in [sign.to_lowercase(), sign[1..].to_owned(), format!("{sign}0"), sign.replace('8', "G")] {
            assert_eq!(method.bytes(&wrong), None, "{wrong}");
        }
    }
}

#[test]
fn what_alipay_has_signed_is_joined_without_what_is_empty() {
    let parameters =
        Parameters::read("b=2+3&a=%E8%8C%B6&notify_url=&sign=x", "sign_type=RSA2&c=%26%3D").unwrap();
    let string = |empty| String::from_utf8(alipay::string(&parameters, empty)).unwrap();
    assert_eq!(string(Empty::LeftOut), "a=茶&b=2 3&c=&=&sign_type=RSA2");
    assert_eq!(string(Empty::Signed), "a=茶&b=2 3&c=&=&notify_url=&sign_type=RSA2");
}

/// The query of a call that `make` completes with `sign`.
fn top_query(method: &str, more: &str) -> String {
    let query = format!("app_key=sgk_1&timestamp=2026-11-24+16%3A00%3A00&sign_method={method}{more}");
    let parameters = Parameters::read(&query, "").unwrap();
    let string = top::string(&parameters);
    let mac = match method {
        "hmac-sha256" => {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
            aws_lc_rs::hmac::sign(&key, &string).as_ref().to_vec()
        }
        _ => {
            use md5::Digest;
            md5::Md5::digest([SECRET.as_bytes(), &string, SECRET.as_bytes()].concat()).to_vec()
        }
    };
    let sign = crate::domain::hexadecimal::hexadecimal(&mac).to_uppercase();
    format!("{query}&sign={sign}")
}

#[test]
fn the_first_thing_that_is_wrong_with_a_call_of_top_is_told() {
    let (key, lax) = (top_key(&[]), top_key(&[WeakMethod::Md5]));
    let good = top_query("hmac-sha256", "&fields=a%2Cb&empty=");
    assert_eq!(take(&key, (&good, ""), now()), Ok(()));
    let (query, form) =
        good.split_once("&fields").map(|(query, form)| (query, format!("fields{form}"))).unwrap();
    assert_eq!(take(&key, (query, &form), now()), Ok(()), "wherever they stand");
    let without = |name: &str| {
        let kept = good.split('&').filter(|pair| !pair.starts_with(name));
        kept.collect::<Vec<_>>().join("&")
    };
    let md5 = top_query("md5", "");
    assert_eq!(take(&lax, (&md5, ""), now()), Ok(()));
    for (query, mistake, told) in [
        (without("sign="), ParameterMissing, "sign is missing"),
        (without("app_key="), ParameterMissing, "app_key is missing"),
        (without("timestamp="), ParameterMissing, "timestamp is missing"),
        (without("sign_method="), ParameterMissing, "sign_method is missing"),
        (good.replace("hmac-sha256", "sha1"), AlgorithmMismatch, "hmac-sha256, hmac or md5"),
        (good.replace("hmac-sha256", "md5"), Malformed, "32 hexadecimal digits in upper case"),
        (md5.clone(), AlgorithmMismatch, "rests on MD5"),
        (good.replace("2026-11-24+16", "2026-11-24+15"), TooOld, "60 minutes old"),
        (good.replace("2026-11-24+16", "2026-11-24+17"), TooEarly, "60 minutes ahead"),
        (good.replace("2026-11-24+16", "20261124+16"), Malformed, "2026-11-24 16:00:00"),
        (format!("{good}&a=1&%61=2"), Malformed, "a is there twice"),
        (format!("{good}&sign=1"), Malformed, "sign is there twice"),
        (format!("{good}&a=%zz"), Malformed, "two hexadecimal digits"),
        (format!("{good}&a=%ff"), Malformed, "not UTF-8"),
        (format!("{good}&a=1"), Mismatch, "a, app_key, empty, fields, sign_method, timestamp"),
        (without("empty="), Mismatch, "hmac-sha256 of app_key, fields"),
    ] {
        let (found, detail) = take(&key, (&query, ""), now()).unwrap_err();
        assert!(found == mistake && detail.contains(told), "{query}: {found:?} {detail}");
        assert!(!detail.contains(SECRET) && !detail.contains("a,b"), "{detail}");
    }
    let many: String = (0..1001).map(|number| format!("&p{number}=1")).collect();
    assert_eq!(take(&key, (&format!("{good}{many}"), ""), now()).unwrap_err().0, Malformed);
}

#[test]
fn a_timestamp_is_good_for_ten_minutes_in_the_zone_of_the_key() {
    let key = top_key(&[]);
    let good = top_query("hmac-sha256", "");
    let at = |text: &str| take(&key, (&good, ""), text.parse().unwrap()).map_err(|(mistake, _)| mistake);
    assert_eq!(at("2026-11-24T07:50:00Z"), Ok(()));
    assert_eq!(at("2026-11-24T07:49:59Z"), Err(TooEarly));
    assert_eq!(at("2026-11-24T08:09:59.999999Z"), Ok(()));
    assert_eq!(at("2026-11-24T08:10:00Z"), Err(TooOld));
    let (_, detail) = take(&key, (&good, ""), "2026-11-24T16:00:00Z".parse().unwrap()).unwrap_err();
    assert!(
        detail.contains("8 hours old") && detail.contains("Asia/Shanghai, where it is 2026-11-25 00:00:00")
    );
}

#[test]
fn the_first_thing_that_is_wrong_with_a_call_of_alipay_is_told() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let key = alipay_key(&pair);
    let signed = |more: &[(&str, &str)], padding: &'static dyn RsaEncoding| {
        let mut pairs = vec![
            ("app_id", "sgk_1"),
            ("biz_content", r#"{"subject":"茶 & cup"}"#),
            ("charset", "utf-8"),
            ("method", "alipay.trade.page.pay"),
            ("sign_type", "RSA2"),
            ("timestamp", "2026-11-24 16:00:00"),
        ];
        for (name, value) in more {
            pairs.retain(|(known, _)| known != name);
            pairs.push((name, value));
        }
        pairs.sort_unstable();
        let signed: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        format!("{query}&sign={}", rsa(&pair, padding, &signed.join("&")))
    };
    let take = |query: &str| take(&key, (query, ""), now());
    let good = signed(&[], &RSA_PKCS1_SHA256);
    assert_eq!(take(&good), Ok(()));
    let covers = |query: &str| covered(&key, (query, ""), now()).unwrap();
    assert_eq!(covers(&good), Covered::All);
    assert_eq!(covers(&format!("return_url=&{good}")), Covered::AllButEmpty, "what is empty is not signed");
    let with_empty = signed(&[("return_url", "")], &RSA_PKCS1_SHA256);
    assert_eq!(covers(&with_empty), Covered::All, "and may be");
    for more in ["&b=", "&b", "&%7B%22a%22%3A1%7D"] {
        assert_eq!(take(&format!("{with_empty}{more}")).unwrap_err().0, Mismatch, "{more}: one is signed");
    }
    for (query, mistake, told) in [
        (signed(&[("sign_type", "RSA")], &RSA_PKCS1_SHA256), AlgorithmMismatch, "must be RSA2"),
        (signed(&[("charset", "GBK")], &RSA_PKCS1_SHA256), Malformed, "charset must be utf-8"),
        (signed(&[], &RSA_PKCS1_SHA512), Mismatch, "each as name=value"),
        (good.replace("cup", "cut"), Mismatch, "app_id, biz_content, charset, method, sign_type, timestamp"),
        (good.replace("%2B", "+").replace("sign=", "sign=+"), Malformed, "sent as %2B"),
        (good.replace("16%3A00", "15%3A00"), TooOld, "60 minutes old"),
        (good.replace("app_id", "app_ie"), ParameterMissing, "app_id is missing"),
        (format!("{good}&a%3D1=2"), Malformed, "has = or & in it"),
        (format!("{good}&a%26b=2"), Malformed, "has = or & in it"),
        (format!("{good}&=2"), Malformed, "is empty"),
    ] {
        let (found, detail) = take(&query).unwrap_err();
        assert!(found == mistake && detail.contains(told), "{query}: {found:?} {detail}");
    }
}

#[test]
fn a_key_of_one_style_signs_nothing_of_another() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let (top, alipay) = (top_query("hmac-sha256", ""), alipay_key(&pair));
    let parameters = Parameters::read(&top, "").unwrap();
    let signature = ParameterSignature::read(ParameterStyle::Top, &parameters).unwrap();
    let error = signature.check_terms(&alipay, now()).unwrap_err();
    assert!(error.mistake == AlgorithmMismatch && error.detail.contains("style alipay"), "{error}");
    assert!(!top_key(&[]).made(&[], b"") && top_key(&[]).shared_secret() == Some(SECRET.as_bytes()));
    assert_eq!(alipay.shared_secret(), None);
    assert_eq!(WeakMethods::default(), alipay.style().weak());
}
