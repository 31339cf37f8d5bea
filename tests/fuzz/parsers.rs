//! What reads bytes from outside, each as a function that takes any. None may panic, hang, or take memory without bound; where two
//! ways lead to the same, they have to agree. `make fuzz` runs them under libFuzzer; `make test` runs them over the seeds and over
//! changes of these.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use serde::de::IgnoredAny;
use serde_json::Value;
use tollgate::billing::proof::head::Head;
use tollgate::billing::proof::keys as proof_keys;
use tollgate::credential::content_digest::ContentDigest;
use tollgate::credential::key_set::KeySet;
use tollgate::credential::message_signature::{Body, MessageSignature};
use tollgate::credential::parameter_signature::{ParameterSignature, Parameters};
use tollgate::credential::{dpop, jwk, presented, public_key_text};
use tollgate::domain::api_key::ApiKey;
use tollgate::domain::asked_names::AskedNames;
use tollgate::domain::client_certificate::CertificateName;
use tollgate::domain::confirmation::NonceRule;
use tollgate::domain::distinguished_name::DistinguishedName;
use tollgate::domain::location::Location;
use tollgate::domain::money::parse_decimal;
use tollgate::domain::narrowing::{Networks, Products};
use tollgate::domain::scope::ScopeSet;
use tollgate::domain::signature_style::ParameterStyle;
use tollgate::domain::time::Timestamp;
use tollgate::gateway::raw_head::{NextBody, RawHead, Unseen};
use tollgate::gateway::trusted_proxies::{self, TrustedProxies};
use tollgate::gateway::{head, target};
use tollgate::journal::frame::{self, Decoded};
use tollgate::journal::frames::Frames;
use tollgate::json::picker::{Picked, Picker};
use tollgate::json::wanted::WantedMembers;
use tollgate::masking::fields::{FieldPath, FieldTree, Rules};
use tollgate::masking::learned::Learned;
use tollgate::masking::masker::{Form, MASK, Masker};
use tollgate::metering::lines::Lines;
use tollgate::metering::{coding, form, record};
use tollgate::policy::expression::{Declared, Expression, Wanted, json};
use tollgate::policy::tree::Tree;

/// Reads any bytes.
pub(crate) type Parser = fn(&[u8]);

/// All of them by name; each has a folder of that name in `seeds`.
pub(crate) const PARSERS: &[(&str, Parser)] = &[
    ("request_head", request_head),
    ("raw_head", raw_head),
    ("forwarded", forwarded),
    ("message_signature", message_signature),
    ("parameters", parameters),
    ("proof", proof),
    ("keys", keys),
    ("masker", masker),
    ("captured_body", captured_body),
    ("picker", picker),
    ("lines", lines),
    ("form", form_body),
    ("policy_file", policy_file),
    ("expression", expression),
    ("usage_record", usage_record),
    ("journal", journal),
    ("names", names),
    ("period_head", period_head),
    ("proof_keys", read_proof_keys),
];

/// Longest head, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// Longest body once decoded, in bytes.
const MAX_BODY: usize = 64 << 10;

/// The head of a request, as hyper reads it.
fn request_head(bytes: &[u8]) {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut read = httparse::Request::new(&mut fields);
    if !read.parse(bytes).is_ok_and(|status| status.is_complete()) {
        return;
    }
    let (method, path) = (read.method.unwrap_or_default(), read.path.unwrap_or_default());
    let mut request = Request::builder().method(method).uri(path);
    for field in read.headers.iter() {
        request = request.header(field.name, field.value);
    }
    let Ok(request) = request.body(()) else { return };
    let (parts, ()) = request.into_parts();
    if let Ok(head) = head::check(&parts, Unseen::default(), MAX_HEAD) {
        let again = target::normalise(&head.path).expect("a path in its one form has one");
        assert_eq!(again, head.path, "the one form of a path is its own");
        let _ = presented::find(head.shown);
    }
    let _ = dpop::only(&parts.headers);
    let _ = ContentDigest::read(&parts.headers);
}

/// The bytes of a connection before hyper reads them: where they are cut makes no difference.
fn raw_head(bytes: &[u8]) {
    let seen = |pieces: [&[u8]; 2]| {
        let head = RawHead::default();
        head.answered();
        pieces.iter().for_each(|piece| head.see(piece));
        let is_awaited = head.is_awaited();
        (head.end(NextBody::None), is_awaited)
    };
    let (at, bytes) = cut(bytes);
    assert_eq!(seen([&bytes[..at], &bytes[at..]]), seen([bytes, b""]));
}

/// Fields of a trusted proxy.
fn forwarded(bytes: &[u8]) {
    let proxies = TrustedProxies::new("10.0.0.0/8".parse().into_iter().collect());
    let headers = fields(bytes, &["x-forwarded-for", "forwarded", "x-forwarded-proto"]);
    let _ = proxies.caller([10, 0, 0, 1].into(), &headers);
    let _ = trusted_proxies::scheme(&headers);
}

/// Fields of a signed request (RFC 9421, RFC 9530).
fn message_signature(bytes: &[u8]) {
    let headers = fields(bytes, &["signature-input", "signature", "content-digest"]);
    let _ = ContentDigest::read(&headers);
    if let Ok(signature) = MessageSignature::read(&headers) {
        let _ =
            signature.check_time(Timestamp::from_seconds(1_618_884_473), std::time::Duration::from_secs(300));
        let _ = signature.check_covers(Body::Present);
    }
}

/// A query and a form whose parameters are signed: a line each.
fn parameters(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (query, form) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(parameters) = Parameters::read(query, form) else { return };
    let mut last = None;
    for (name, _) in parameters.sorted() {
        assert!(last.is_none_or(|last| last < name), "no name is there twice, and they are sorted");
        last = Some(name);
    }
    for style in [ParameterStyle::Top, ParameterStyle::Alipay] {
        let _ = ParameterSignature::read(style, &parameters).map(|signature| signature.bytes().len());
    }
}

/// A proof of possession (RFC 9449).
fn proof(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let nonces = dpop::Nonces::new(&[7; 32], [0; 8]);
    let target = dpop::Target::of("https://server.example.com/token").expect("a URL");
    let expected = dpop::Expected {
        method: "POST",
        target: &target,
        token: None,
        key: None,
        nonces: &nonces,
        rule: NonceRule::Optional,
        since: None,
        now: Timestamp::from_seconds(1_562_262_616),
    };
    let _ = dpop::verify(text, &expected);
    let _ = dpop::Target::of(text);
}

/// Public keys: a set of them, one by itself, or in PEM.
fn keys(bytes: &[u8]) {
    let _ = KeySet::read(bytes).map(|keys| keys.find(None).is_some());
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = public_key_text::read(text, &["ES256", "RS256", "EdDSA"]);
    if let Ok(key) = jwk::PublicKey::from_jwk(text) {
        let again = jwk::PublicKey::from_jwk(&key.to_jwk()).expect("what is written can be read");
        assert_eq!(again.thumbprint(), key.thumbprint());
    }
}

/// A body whose members `a` and `b.c` are masked. What leaves is as JSON libraries read it, and where it is cut makes no difference.
fn masker(bytes: &[u8]) {
    let Some((how, bytes)) = bytes.split_first() else { return };
    let form = [Form::Text, Form::Sequence, Form::Lines][usize::from(how % 3)];
    let (at, bytes) = cut(bytes);
    let paths: [FieldPath; 2] = ["a", "b.c"].map(|path| path.parse().expect("a path"));
    let tree = FieldTree::new([(&paths[0], 0), (&paths[1], 1)]);
    // Of each text, what was learned of those before it makes no difference either.
    let mut learned = Learned::default();
    let mut masked = |pieces: [&[u8]; 2]| {
        let mut masker = Masker::new(Rules::NONE.with(0).with(1), form);
        let mut left = Vec::new();
        for piece in pieces {
            left.extend_from_slice(&masker.mask(&tree, &mut learned, piece.to_vec().into()).ok()?);
        }
        masker.end().ok().map(|()| left)
    };
    let whole = masked([bytes, b""]);
    assert_eq!(masked([&bytes[..at], &bytes[at..]]), whole, "cut at {at}");
    let Some(left) = whole.filter(|left| form == Form::Text && !left.trim_ascii().is_empty()) else { return };
    let left = left.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&left);
    match serde_json::from_slice::<Value>(left) {
        Ok(value) => assert_masked(&value),
        // What it has no type for is JSON nevertheless.
        Err(error) => {
            let told = error.to_string();
            let known = [
                "number out of range",
                "surrogate in hex escape",
                "unexpected end of hex escape",
                "recursion limit",
            ];
            assert!(known.iter().any(|known| told.contains(known)), "{told}");
        }
    }
}

fn assert_masked(value: &Value) {
    match value {
        Value::Array(values) => values.iter().for_each(assert_masked),
        Value::Object(members) => {
            assert!(members.get("a").is_none_or(is_mask));
            assert!(members.get("b").is_none_or(has_no_c));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn has_no_c(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().all(has_no_c),
        Value::Object(members) => members.get("c").is_none_or(is_mask),
        Value::Null => true,
        // What is there instead of an object may have anything in it.
        Value::Bool(_) | Value::Number(_) | Value::String(_) => is_mask(value),
    }
}

fn is_mask(value: &Value) -> bool {
    serde_json::to_vec(value).is_ok_and(|written| written == MASK)
}

/// A body of which a meter reads a part.
fn captured_body(bytes: &[u8]) {
    let _ = json::read(bytes);
    for name in ["gzip", "deflate", "identity", "br", "gzip, deflate"] {
        if let Ok(decoded) = coding::decode(bytes, Some(name), MAX_BODY) {
            assert!(decoded.len() <= MAX_BODY);
        }
    }
}

/// The members `a`, `b.c` and `b.d` of JSON texts.
fn members() -> Arc<WantedMembers> {
    let paths = [&["a"][..], &["b", "c"], &["b", "d"]];
    let paths = paths.map(|path| path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    Arc::new(WantedMembers::new(paths.iter().map(Vec::as_slice)))
}

/// A body of which members are picked. What a reader of the whole takes is taken, and where it is cut makes no difference.
fn picker(bytes: &[u8]) {
    let (at, bytes) = cut(bytes);
    let [mut whole, mut pieces] = [(); 2].map(|()| Picker::new(members(), MAX_BODY));
    whole.push(bytes);
    pieces.push(&bytes[..at]);
    pieces.push(&bytes[at..]);
    assert_eq!(pieces.end().ok(), whole.end().ok(), "cut at {at}");
    match whole.end() {
        Ok(picked) => assert!(is_json(&picked) && serde_json::from_slice::<IgnoredAny>(bytes).is_ok()),
        Err(why) => assert!(json::read(bytes).is_err() || bytes.len() > MAX_BODY, "{why}"),
    }
}

/// Whether each value that was picked is one by itself; what only its reader sees, such as a key that is there twice, may be wrong.
fn is_json(picked: &Picked<'_>) -> bool {
    match picked {
        Picked::Value(bytes) => serde_json::from_slice::<IgnoredAny>(bytes).is_ok(),
        Picked::Object(members) => members.iter().all(|(_, picked)| is_json(picked)),
        Picked::List => true,
    }
}

/// Lines of which members are summed up: where they are cut makes no difference.
fn lines(bytes: &[u8]) {
    let (at, bytes) = cut(bytes);
    let [mut whole, mut pieces] = [(); 2].map(|()| Lines::new(members()));
    whole.push(bytes);
    pieces.push(&bytes[..at]);
    pieces.push(&bytes[at..]);
    assert_eq!(pieces.end().ok(), whole.end().ok(), "cut at {at}");
}

/// A form of which a meter reads a part.
fn form_body(bytes: &[u8]) {
    let (json, members) = (["biz_content".to_owned()], ["total_amount".to_owned()]);
    for names in [AskedNames::of(Some(["total_amount".to_owned()].into())), AskedNames::Any] {
        let asked = form::Asked { json: &json, members: &members, names: &names, of_query: &names };
        let _ = form::read(bytes, asked);
    }
}

/// A policy file.
fn policy_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(tree) = Tree::parse(text) {
        let _ = (tree.place("/routes/0"), tree.key_place("/routes/0/name"));
    }
}

/// An expression of a policy file.
fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = || Location { file: "routes.yaml".into(), line: 1, column: 1 };
    let _ = Expression::compile(text, source(), &Declared::for_claims(), Wanted::Truth);
    let _ = Expression::compile(text, source(), &Declared::for_meters(&["id"], &[]), Wanted::Amount);
}

/// A usage record, as it lies in the journal.
fn usage_record(bytes: &[u8]) {
    let _ = record::newer_format(bytes);
    if let Ok(read) = record::decode(bytes) {
        let written = record::encode(&read);
        assert_eq!(record::decode(&written).expect("what was written can be read"), read);
    }
}

/// A segment of the journal.
fn journal(bytes: &[u8]) {
    let _ = frame::SegmentHeader::decode(bytes);
    let _ = (frame::rotten(bytes, 1), frame::next_frame(bytes, 0), frame::is_broken_seal(bytes, 1));
    let mut written = Vec::new();
    match frame::decode(bytes) {
        Decoded::Record { sequence, payload, .. } => frame::encode(&mut written, sequence, payload),
        Decoded::Seal { sequence, head } => frame::encode_seal(&mut written, sequence, &head),
        Decoded::End | Decoded::Broken => {}
    }
    assert_eq!(written, bytes[..written.len()]);
    if let Some(at) = frame::resynchronise(bytes, 0) {
        assert!(matches!(frame::decode(&bytes[at..]), Decoded::Record { .. } | Decoded::Seal { .. }));
    }
    let mut end = frame::SEGMENT_HEADER;
    for frame in Frames::of(bytes, 1) {
        assert!(frame.at == end && frame.end > end, "each goes on where the last ended");
        end = frame.end;
    }
}

/// What is written in fields, parameters and policies as short text.
fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (ApiKey::check(text), text.parse::<Timestamp>(), text.parse::<FieldPath>(), parse_decimal(text));
    let _ = (text.parse::<Networks>(), text.parse::<Products>(), target::normalise(text));
    if let Ok(scopes) = text.parse::<ScopeSet>() {
        assert_eq!(scopes.to_string().parse(), Ok(scopes));
    }
    if let Ok(name) = text.parse::<DistinguishedName>() {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
    if let Ok(name) = text.parse::<CertificateName>() {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
}

/// Where the rest is cut, by the first byte.
fn cut(bytes: &[u8]) -> (usize, &[u8]) {
    match bytes.split_first() {
        Some((at, rest)) => (usize::from(*at).min(rest.len()), rest),
        None => (0, bytes),
    }
}

/// Fields of these names, whose values are lines.
fn fields(bytes: &[u8], names: &[&'static str]) -> HeaderMap {
    let lines = bytes.split(|byte| *byte == b'\n').zip(names.iter().cycle());
    let values = lines.filter_map(|(line, name)| {
        let value = HeaderValue::from_bytes(line).ok()?;
        Some((HeaderName::from_static(name), value))
    });
    let mut fields = HeaderMap::new();
    for (name, value) in values.take(64) {
        fields.append(name, value);
    }
    fields
}

/// The head of a closed period.
fn period_head(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(head) = Head::read(text) {
        assert_eq!(head.text(), text, "a head has one text");
    }
}

/// A set of proof keys.
fn read_proof_keys(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(keys) = proof_keys::read(text) {
        let again = proof_keys::read(&proof_keys::write("https://api.example.com", &keys).to_string());
        assert_eq!(again.as_ref(), Ok(&keys), "what is read is written so that it is read again");
        let _ = tollgate::domain::proof_key::believed(&keys, |kid| kid.is_empty());
    }
}
