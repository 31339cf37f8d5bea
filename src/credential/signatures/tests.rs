//! Signatures are taken once, and those that prove nothing are paid for.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, Uri, Version};

use super::*;
use crate::credential::message_signature::{SIGNATURE, SIGNATURE_INPUT};
use crate::credential::parameter_signature::Parameters;
use crate::credential::request_key::belongs_to;
use crate::credential::sealing::SealingKey;
use crate::domain::hexadecimal::hexadecimal;
use crate::domain::random::{Random, RandomUnavailable};
use crate::domain::signature_key::{SignatureAlgorithm, SignatureKeyMaterial};
use crate::domain::signature_mistake::SignatureMistake;
use crate::domain::signature_style::{ParameterStyle, SignatureStyle, WeakMethods};
use crate::domain::time::Zone;

const START: Timestamp = Timestamp::from_seconds(1_790_000_000);
const WINDOW: Duration = Duration::from_secs(300);

struct Zeros;

impl Random for Zeros {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        bytes.fill(0);
        Ok(())
    }
}

fn later(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

/// A gateway that began at [`START`], and a key that was made before or after that.
struct World {
    signatures: Signatures,
    id: SignatureKeyId,
    key: RequestKey,
    /// Where its parameters say the time.
    zone: Zone,
}

impl World {
    fn with_key_of(created_at: Timestamp) -> Self {
        let (id, sealing) = (SignatureKeyId::new("sgk_1").unwrap(), SealingKey::new(&[7; 32]).unwrap());
        let sealed = sealing.seal(&belongs_to(&id), b"secret", &Zeros).unwrap();
        let material = SignatureKeyMaterial::Sealed(sealed);
        let algorithm = SignatureAlgorithm::HmacSha256;
        let key =
            RequestKey::open((&id, created_at), (&SignatureStyle::Http, algorithm), &material, &sealing)
                .unwrap();
        Self { signatures: Signatures::new(START), id, key, zone: Zone::utc() }
    }

    /// Sends a request that was signed at `created` with that nonce by `secret`.
    fn send(
        &self,
        (created, nonce, secret): (Timestamp, &str, &str),
        (address, now): (&str, Timestamp),
    ) -> Result<(), Refusal> {
        let input = format!(
            r#"("@method" "@target-uri");created={};keyid="sgk_1";nonce="{nonce}""#,
            created.as_seconds()
        );
        let base = format!("\"@method\": GET\n\"@target-uri\": http://a/\n\"@signature-params\": {input}");
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), base.as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE_INPUT, HeaderValue::from_str(&format!("sig={input}")).unwrap());
        headers.insert(SIGNATURE, format!("sig=:{}:", STANDARD.encode(mac.as_ref())).parse().unwrap());
        let signature = MessageSignature::read(&headers)?;
        let ends_at = signature.check_time(now, WINDOW)?;
        let (method, uri, version) = (Method::GET, Uri::from_static("/"), Version::HTTP_11);
        let message = Message {
            method: &method,
            scheme: "http",
            authority: "a",
            uri: &uri,
            version,
            headers: &headers,
        };
        let moment = Moment { now, monotonic: now.since(START) };
        let named = Named { id: &self.id, key: &self.key, ends_at };
        self.signatures.take((address.parse().unwrap(), moment), (&signature, named), &message)
    }
}

/// A key of TOP that was made at `created_at`, and a gateway that began at [`START`].
fn top_world(created_at: Timestamp) -> World {
    top_world_in(Zone::utc(), created_at)
}

/// The same, with a key of that zone.
fn top_world_in(zone: Zone, created_at: Timestamp) -> World {
    let (id, sealing) = (SignatureKeyId::new("sgk_1").unwrap(), SealingKey::new(&[7; 32]).unwrap());
    let material = SignatureKeyMaterial::Sealed(sealing.seal(&belongs_to(&id), b"secret", &Zeros).unwrap());
    let style = SignatureStyle::Top { zone: zone.clone(), weak: WeakMethods::default() };
    let signs = (&style, SignatureAlgorithm::HmacSha256);
    let key = RequestKey::open((&id, created_at), signs, &material, &sealing).unwrap();
    World { signatures: Signatures::new(START), id, key, zone }
}

impl World {
    /// Sends parameters that were signed at `made_at` by `secret`.
    fn send_parameters(
        &self,
        (made_at, value, secret): (Timestamp, &str, &str),
        (address, now): (&str, Timestamp),
    ) -> Result<(), Refusal> {
        let timestamp = self.zone.shown(made_at);
        let signed = format!("a{value}app_keysgk_1sign_methodhmac-sha256timestamp{timestamp}");
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
        let sign = hexadecimal(mac.as_ref()).to_uppercase();
        let query = format!(
            "a={value}&app_key=sgk_1&sign_method=hmac-sha256&timestamp={}&sign={sign}",
            timestamp.replace(' ', "+")
        );
        let parameters = Parameters::read(&query, "")?;
        let signature = ParameterSignature::read(ParameterStyle::Top, &parameters)?;
        let moment = Moment { now, monotonic: now.since(START) };
        let by = (address.parse().unwrap(), moment);
        self.signatures.take_parameters(by, &signature, (&self.id, &self.key)).map(|_| ())
    }
}

fn mistake(sent: Result<(), Refusal>) -> Option<SignatureMistake> {
    match sent {
        Err(Refusal::SignatureInvalid(error)) => Some(error.mistake),
        _ => None,
    }
}

#[test]
fn a_signature_is_taken_once_within_its_window_and_another_nonce_is_another() {
    let world = World::with_key_of(START);
    let good = (START, "1", "secret");
    assert_eq!(world.send(good, ("192.0.2.1", START)), Ok(()));
    for seconds in [0, 100, 299] {
        assert_eq!(mistake(world.send(good, ("192.0.2.9", later(seconds)))), Some(Replayed));
    }
    assert_eq!(mistake(world.send(good, ("192.0.2.1", later(300)))), Some(SignatureMistake::TooOld));
    assert_eq!(world.send((START, "2", "secret"), ("192.0.2.1", later(299))), Ok(()));
}

#[test]
fn a_wrong_signature_spends_no_nonce_and_is_told_as_such() {
    let world = World::with_key_of(START);
    assert_eq!(mistake(world.send((START, "1", "guess"), ("192.0.2.1", START))), Some(Mismatch));
    assert_eq!(world.send((START, "1", "secret"), ("192.0.2.1", START)), Ok(()));
}

#[test]
fn what_may_have_been_used_before_the_process_began_is_not_taken() {
    let before = START.minus(Duration::from_secs(3600));
    let world = World::with_key_of(before);
    for (created, now) in [(START.minus(WINDOW / 2), START), (START, START), (later(10), later(10))] {
        let sent = world.send((created, "1", "secret"), ("192.0.2.1", now));
        assert!(matches!(sent, Err(Refusal::Unavailable(_))), "{sent:?}");
    }
    assert_eq!(world.send((later(11), "1", "secret"), ("192.0.2.1", later(11))), Ok(()));
    // Nobody can have used a key that there was not.
    let world = World::with_key_of(START);
    assert_eq!(world.send((START, "1", "secret"), ("192.0.2.1", START)), Ok(()));
}

#[test]
fn who_guesses_is_told_to_wait_and_neither_the_app_nor_its_other_machines_are() {
    let world = World::with_key_of(START);
    assert_eq!(world.send((START, "0", "secret"), ("192.0.2.1", START)), Ok(()));
    let guess = |number: u32| world.send((START, &number.to_string(), "guess"), ("192.0.2.9", START));
    let limited =
        (0..100).filter(|number| matches!(guess(*number), Err(Refusal::LimitReached { .. }))).count();
    assert_eq!(limited, 50);
    assert_eq!(world.send((START, "a", "secret"), ("192.0.2.1", START)), Ok(()));
    // A flood from everywhere uses up what all may guess, and keeps out nobody who showed the key from where he is.
    for number in 0..5_000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + number * 256).to_string();
        let _ = world.send((START, &number.to_string(), "guess"), (&address, START));
    }
    assert!(matches!(
        world.send((START, "b", "secret"), ("198.51.100.1", START)),
        Err(Refusal::Unavailable(_))
    ));
    assert_eq!(world.send((START, "b", "secret"), ("192.0.2.1", START)), Ok(()));
}

#[test]
fn a_network_is_known_once_a_signature_from_it_has_held() {
    let world = World::with_key_of(START);
    let (address, other) = ("192.0.2.1", "192.0.2.2");
    let is_known = |address: &str| world.signatures.have_held_from(address.parse().unwrap());
    assert_eq!(mistake(world.send((START, "1", "guess"), (address, START))), Some(Mismatch));
    assert!(!is_known(address));
    assert_eq!(world.send((START, "1", "secret"), (address, START)), Ok(()));
    assert!(is_known(address) && !is_known(other));
    assert_eq!(mistake(world.send((START, "1", "secret"), (other, START))), Some(Replayed));
    assert!(!is_known(other));
}

#[test]
fn signed_parameters_are_taken_once_and_another_timestamp_is_another() {
    let world = top_world(START);
    let good = (START, "1", "secret");
    assert_eq!(mistake(world.send_parameters((START, "1", "guess"), ("192.0.2.1", START))), Some(Mismatch));
    assert_eq!(world.send_parameters(good, ("192.0.2.1", START)), Ok(()));
    for seconds in [0, 300, 599] {
        let again = world.send_parameters(good, ("192.0.2.9", later(seconds)));
        assert_eq!(mistake(again.clone()), Some(Replayed));
        assert!(again.unwrap_err().detail().contains("another timestamp"));
    }
    world.signatures.sweep(Moment { now: later(599), monotonic: Duration::from_secs(599) });
    assert_eq!(mistake(world.send_parameters(good, ("192.0.2.1", later(599)))), Some(Replayed));
    assert_eq!(
        mistake(world.send_parameters(good, ("192.0.2.1", later(600)))),
        Some(SignatureMistake::TooOld)
    );
    assert_eq!(world.send_parameters((later(1), "1", "secret"), ("192.0.2.1", later(599))), Ok(()));
    assert_eq!(world.send_parameters((START, "2", "secret"), ("192.0.2.1", later(599))), Ok(()));
}

#[test]
fn parameters_that_may_have_been_taken_before_the_process_began_are_not_taken() {
    let world = top_world(START.minus(Duration::from_secs(3600)));
    let sent = world.send_parameters((START, "1", "secret"), ("192.0.2.1", later(300)));
    assert!(matches!(sent, Err(Refusal::Unavailable(_))), "{sent:?}");
    assert_eq!(world.send_parameters((later(11), "1", "secret"), ("192.0.2.1", later(11))), Ok(()));
}

#[test]
fn a_key_of_another_style_signs_no_message() {
    let sent = top_world(START).send((START, "1", "secret"), ("192.0.2.1", START));
    assert_eq!(mistake(sent), Some(AlgorithmMismatch));
}

#[test]
fn who_finds_no_room_has_not_guessed() {
    let mut world = World::with_key_of(START);
    world.signatures.replays = Replays::with_share(0);
    for number in 0..100 {
        let sent = world.send((START, &number.to_string(), "secret"), ("192.0.2.1", START));
        assert!(matches!(sent, Err(Refusal::Unavailable(_))), "{number}: {sent:?}");
    }
}

#[test]
fn a_signature_of_the_hour_that_clocks_show_twice_is_taken_in_both_and_once() {
    let zone = Zone::named("America/New_York").unwrap();
    let world = top_world_in(zone.clone(), START.minus(Duration::from_secs(3600)));
    let first: Timestamp = "2026-11-01T05:30:00Z".parse().unwrap();
    let last = first.plus(Duration::from_secs(3600));
    assert_eq!(zone.shown(first), zone.shown(last));
    assert_eq!(world.send_parameters((first, "1", "secret"), ("192.0.2.1", first)), Ok(()));
    assert_eq!(world.send_parameters((last, "2", "secret"), ("192.0.2.1", last)), Ok(()));
    // It looks as if it was made just now.
    world.signatures.sweep(Moment { now: last, monotonic: last.since(START) });
    assert_eq!(mistake(world.send_parameters((first, "1", "secret"), ("192.0.2.1", last))), Some(Replayed));
    let middle = first.plus(Duration::from_secs(1800));
    let sent = world.send_parameters((first, "3", "secret"), ("192.0.2.1", middle));
    assert_eq!(mistake(sent), Some(SignatureMistake::TooOld));
}
