//! What a request is signed as, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod anything;
mod rfc;
mod shown;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};

use super::input::Written;
use super::*;
use crate::credential::request_key::{RequestKey, belongs_to, public_key};
use crate::credential::sealing::SealingKey;
use crate::domain::id::SignatureKeyId;
use crate::domain::random::{Random, RandomUnavailable};
use crate::domain::signature_key::{SignatureAlgorithm, SignatureKeyMaterial};
use crate::domain::signature_mistake::SignatureError;
use crate::domain::signature_mistake::SignatureMistake::{self, *};
use crate::domain::signature_style::SignatureStyle;
use crate::domain::time::Timestamp;

const DIGEST: &str =
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
const CREATED: i64 = 1_618_884_473;

/// Chance that is none.
struct Zeros;

impl Random for Zeros {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        bytes.fill(0);
        Ok(())
    }
}

pub(in crate::credential) fn open(algorithm: SignatureAlgorithm, key: &str) -> RequestKey {
    let (id, sealing) = (SignatureKeyId::new("sgk_1").unwrap(), SealingKey::new(&[7; 32]).unwrap());
    let material = match algorithm {
        SignatureAlgorithm::HmacSha256 => {
            let secret = STANDARD.decode(key).unwrap();
            SignatureKeyMaterial::Sealed(sealing.seal(&belongs_to(&id), &secret, &Zeros).unwrap())
        }
        algorithm => SignatureKeyMaterial::Public(public_key(algorithm, key).unwrap().to_jwk()),
    };
    let signs = (&SignatureStyle::Http, algorithm);
    RequestKey::open((&id, Timestamp::from_seconds(CREATED)), signs, &material, &sealing).unwrap()
}

/// A request.
#[derive(Clone)]
struct Request {
    method: Method,
    scheme: &'static str,
    authority: String,
    uri: Uri,
    headers: HeaderMap,
}

impl Request {
    /// The request of appendix B.2.
    fn of_the_rfc() -> Self {
        Self {
            method: Method::POST,
            scheme: "https",
            authority: "example.com".to_owned(),
            uri: Uri::from_static("/foo?param=Value&Pet=dog"),
            headers: headers(&[
                ("host", "example.com"),
                ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
                ("content-type", "application/json"),
                ("content-digest", DIGEST),
                ("content-length", "18"),
            ]),
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }

    fn signed(self, input: &str, signature: &str) -> Self {
        self.with("signature-input", &format!("sig={input}")).with("signature", &format!("sig=:{signature}:"))
    }

    fn message(&self) -> Message<'_> {
        Message {
            method: &self.method,
            scheme: self.scheme,
            authority: &self.authority,
            uri: &self.uri,
            version: Version::HTTP_11,
            headers: &self.headers,
        }
    }

    fn base(&self) -> Result<String, SignatureError> {
        let written = Written::read(&self.headers)?;
        let base = self.message().base(&written.covered, &written.line)?;
        Ok(String::from_utf8(base).unwrap())
    }

    fn is_verified_by(&self, key: &RequestKey) -> bool {
        let Ok(written) = Written::read(&self.headers) else { return false };
        let base = self.message().base(&written.covered, &written.line);
        base.is_ok_and(|base| key.made(&written.signature, &base))
    }
}

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let value = |value: &str| HeaderValue::from_str(value).unwrap();
    fields.iter().map(|(name, text)| (HeaderName::from_static(name), value(text))).collect()
}

/// The components of a request, of section 2.2.
#[test]
fn derived_components_have_the_values_of_the_rfc() {
    let mut request = Request::of_the_rfc();
    request.uri = Uri::from_static("/path?param=value&foo=bar");
    request.authority = "WWW.Example.com:443".to_owned();
    let base = |request: &Request, components: &str| {
        let request = request.clone().signed(&format!("({components});created=1"), "AAAA");
        let base = request.base().unwrap();
        let lines: Vec<_> = base.lines().map(str::to_owned).collect();
        lines[..lines.len() - 1].join("\n")
    };
    assert_eq!(
        base(
            &request,
            r#""@method" "@target-uri" "@authority" "@scheme" "@request-target" "@path" "@query""#
        ),
        "\"@method\": POST\n\
         \"@target-uri\": https://WWW.Example.com:443/path?param=value&foo=bar\n\
         \"@authority\": www.example.com\n\
         \"@scheme\": https\n\
         \"@request-target\": /path?param=value&foo=bar\n\
         \"@path\": /path\n\
         \"@query\": ?param=value&foo=bar"
    );
    (request.scheme, request.uri) = ("http", Uri::from_static("http://www.example.com"));
    request.authority = "www.example.com:80".to_owned();
    assert_eq!(
        base(&request, r#""@target-uri" "@authority" "@request-target" "@path" "@query""#),
        "\"@target-uri\": http://www.example.com:80/\n\
         \"@authority\": www.example.com\n\
         \"@request-target\": http://www.example.com/\n\
         \"@path\": /\n\
         \"@query\": ?"
    );
}

fn refused(request: &Request) -> Option<SignatureMistake> {
    let read = MessageSignature::read(&request.headers);
    read.and_then(|signature| signature.base(&request.message())).err().map(|error| error.mistake)
}

#[test]
fn what_cannot_be_read_for_sure_is_refused() {
    let good = r#"("@method");created=1;keyid="k";nonce="n""#;
    let request = Request::of_the_rfc;
    assert_eq!(refused(&request().signed(good, "AAAA")), None);
    for (input, mistake) in [
        (r#"("@method");keyid="k";nonce="n""#, ParameterMissing),
        (r#"("@method");created=1;nonce="n""#, ParameterMissing),
        (r#"("@method");created=1;keyid="k""#, ParameterMissing),
        (r#"("@method");created=1.5;keyid="k";nonce="n""#, Malformed),
        (r#"("@method");created="1";keyid="k";nonce="n""#, Malformed),
        (r#"("@method");created=1;keyid=k;nonce="n""#, Malformed),
        (r#"("@method");created=1;keyid="k";nonce="""#, Malformed),
        (r#"("@method");created=1;keyid="k";nonce="n";more=1"#, Malformed),
        (r#"(@method);created=1;keyid="k";nonce="n""#, Malformed),
        (r#"("@method" "@method");created=1;keyid="k";nonce="n""#, Malformed),
        (r#"("date" "date");created=1;keyid="k";nonce="n""#, Malformed),
        (r#"("@method";created=1;keyid="k";nonce="n""#, Malformed),
        (r#""@method";created=1;keyid="k";nonce="n""#, Malformed),
        (r#"("@status");created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("@signature-params");created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("@Method");created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("@method";req);created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("@query-param");created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("@query-param";name=Pet);created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("@query-param";name="None");created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("Date");created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("x-none");created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("date";tr);created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("date";req);created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("date";sf=?0);created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("date";sf);created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("date";bs;sf);created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("content-digest";bs;key="sha-512");created=1;keyid="k";nonce="n""#, ComponentUnknown),
        (r#"("content-digest";key="sha-256");created=1;keyid="k";nonce="n""#, ComponentUnknown),
    ] {
        assert_eq!(refused(&request().signed(input, "AAAA")), Some(mistake), "{input}");
    }
    let twice = format!("a={good}, b={good}");
    for (input, signature) in [
        (&*twice, "a=:AAAA:, b=:AAAA:"),
        (&*twice, "a=:AAAA:"),
        (&*format!("a={good}"), "b=:AAAA:"),
        (&*format!("a={good}"), "a=:AAAA:, b=:AAAA:"),
        (&*format!("a={good}, a={good}"), "a=:AAAA:"),
        (&*format!("a={good}"), "a=:AAAA:, a=:BBBB:"),
        (&*format!("a={good}"), "a=\"AAAA\""),
        (&*format!("a={good}"), "a=(:AAAA:)"),
        (&*format!("a={good}"), ""),
        ("", "a=:AAAA:"),
        ("a", "a=:AAAA:"),
    ] {
        let request = request().with("signature-input", input).with("signature", signature);
        assert_eq!(refused(&request), Some(Malformed), "{input} {signature}");
    }
    assert_eq!(refused(&request().with("signature-input", &format!("a={good}"))), Some(Malformed));
    let long = format!(r#"("@method");created=1;keyid="k";nonce="{}""#, "n".repeat(257));
    assert_eq!(refused(&request().signed(&long, "AAAA")), Some(Malformed));
    let many: String = (0..33).map(|number| format!("\"x-{number}\" ")).collect();
    let many = format!(r#"({many});created=1;keyid="k";nonce="n""#);
    assert_eq!(refused(&request().signed(&many, "AAAA")), Some(Malformed));
}

#[test]
fn what_must_be_covered_is_asked_for_in_turn() {
    let digest = r#""content-digest""#;
    for (components, body, mistake) in [
        (r#""@target-uri""#.to_owned(), Body::Absent, Some("\"@method\"")),
        (r#""@method""#.to_owned(), Body::Absent, Some("\"@target-uri\"")),
        (r#""@method" "@authority" "@path""#.to_owned(), Body::Absent, Some("\"@target-uri\"")),
        (r#""@method" "@path" "@query""#.to_owned(), Body::Absent, Some("\"@target-uri\"")),
        (r#""@method" "@authority" "@path" "@query""#.to_owned(), Body::Absent, None),
        (r#""@method" "@authority" "@request-target""#.to_owned(), Body::Absent, None),
        (r#""@method" "@target-uri""#.to_owned(), Body::Absent, None),
        (r#""@method" "@target-uri""#.to_owned(), Body::Present, Some("\"content-digest\"")),
        (format!(r#""@method" "@target-uri" {digest}"#), Body::Present, None),
        (format!(r#""@method" "@target-uri" {digest};bs"#), Body::Present, None),
        (format!(r#""@method" "@target-uri" {digest};key="sha-512""#), Body::Present, None),
        (format!(r#""@method" "@target-uri" {digest};key="md5""#), Body::Present, Some("\"content-digest\"")),
    ] {
        let input = format!(r#"({components});created=1;keyid="k";nonce="n""#);
        let request = Request::of_the_rfc().signed(&input, "AAAA");
        let checked = MessageSignature::read(&request.headers).unwrap().check_covers(body);
        match (checked, mistake) {
            (Ok(()), None) => {}
            (Err(error), Some(named)) => {
                assert_eq!(error.mistake, ComponentMissing);
                assert!(
                    error.detail.starts_with(&format!("the signature must cover {named}")),
                    "{}",
                    error.detail
                );
            }
            (checked, mistake) => assert_eq!((checked, mistake), (Ok(()), None), "{components}"),
        }
    }
}

#[test]
fn a_signature_is_good_for_a_while() {
    let window = Duration::from_secs(300);
    let at = |seconds: i64| Timestamp::from_seconds(CREATED + seconds);
    for (more, offset, expected) in [
        ("", 0, Ok(at(300))),
        ("", 299, Ok(at(300))),
        ("", 300, Err(TooOld)),
        ("", 86_400, Err(TooOld)),
        ("", -10, Ok(at(300))),
        ("", -11, Err(TooEarly)),
        (";expires=1618884533", 59, Ok(at(60))),
        (";expires=1618884533", 60, Err(TooOld)),
        (";expires=1718884533", 60, Ok(at(300))),
        (";expires=1", 0, Err(TooOld)),
    ] {
        let input = format!(r#"("@method");created={CREATED};keyid="k";nonce="n"{more}"#);
        let request = Request::of_the_rfc().signed(&input, "AAAA");
        let signature = MessageSignature::read(&request.headers).unwrap();
        let checked = signature.check_time(at(offset), window).map_err(|error| error.mistake);
        assert_eq!(checked, expected, "{more} {offset}");
    }
}
