//! Clients that show certificates of their own, and tokens that are bound to them (RFC 8705): check P4.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{DnType, SanType};
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::dev::{Dev, parameter, wait_for};
use crate::support::http::{Answer, form};
use crate::support::signer::Signer;
use crate::support::tls::{Authority, Client, Identity};

pub(super) const HOST: &str = "mtls.example";
/// What the log has of an app that is to show a certificate and shows none.
const WRONG_DOOR: &str = "connected without one: is it at the mTLS door?";
pub(super) const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// A gateway with a door for machines, and the authority that vouches for both sides.
pub(super) struct Doors {
    pub(super) dev: Dev,
    pub(super) authority: Authority,
    _folder: TempDir,
}

impl Doors {
    pub(super) fn open() -> Self {
        let (authority, folder) = (Authority::of(&[HOST]), tempfile::tempdir().unwrap());
        let file = folder.path().join("clients.pem");
        std::fs::write(&file, authority.pem()).unwrap();
        let dev = Dev::with_mutual_tls(authority.folder(), &file);
        Self { dev, authority, _folder: folder }
    }

    pub(super) fn machines(&self) -> &str {
        self.dev.told("/mtls_url").strip_prefix("https://").unwrap()
    }

    pub(super) fn client(&self, identity: &Identity) -> Client {
        self.authority.client_as(identity, &TLS13)
    }

    /// An app that is registered so.
    pub(super) fn app(&self, settings: &Value) -> (String, Option<String>) {
        let partner = self.dev.admin("POST", "/admin/partners", r#"{"name":"A"}"#).json();
        let mut body = json!({
            "partner": partner["id"], "name": "Machine", "scopes": ["catalog:read"],
            "redirect_uris": ["http://127.0.0.1:9999/callback"],
        });
        for (name, value) in settings.as_object().unwrap() {
            body[name] = value.clone();
        }
        let made = self.dev.admin("POST", "/admin/apps", &body.to_string());
        assert_eq!(made.status, 201, "{}", made.text());
        let text = |name: &str| made.json()[name].as_str().map(str::to_owned);
        (text("client_id").unwrap(), text("client_secret"))
    }

    /// A call at the door for machines.
    fn call(&self, client: &Client, path: &str, body: Option<&str>, more: &str) -> Answer {
        call(client, self.machines(), path, body, more)
    }

    fn token(&self, client: &Client, fields: &[(&str, &str)]) -> Answer {
        self.call(client, "/oauth/token", Some(&form(fields)), "")
    }

    /// Waits for the line of the log about a refused call.
    #[track_caller]
    fn is_logged(&self, refused: &Answer, reason: &str) {
        assert!(!refused.text().contains(reason), "{}", refused.text());
        let id = refused.header("x-request-id").unwrap();
        let is_there = |line: &str| line.contains(id) && line.contains(reason);
        wait_for(reason, || self.dev.log().lines().any(is_there));
    }

    /// The status of a call with an access token, and how it was refused.
    fn catalog(&self, client: &Client, token: &str) -> (u16, Option<String>) {
        let answer = self.call(client, "/api/products", None, &format!("Authorization: Bearer {token}\r\n"));
        (answer.status, answer.header("www-authenticate").map(str::to_owned))
    }
}

pub(super) fn call(client: &Client, address: &str, path: &str, body: Option<&str>, more: &str) -> Answer {
    client.connect(address, HOST).unwrap().exchange(&request(path, body, more)).unwrap()
}

pub(super) fn request(path: &str, body: Option<&str>, more: &str) -> String {
    match body {
        Some(body) => format!(
            "POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n{more}\r\n{body}",
            body.len()
        ),
        None => format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{more}\r\n"),
    }
}

#[track_caller]
pub(super) fn check(answer: &Answer, status: u16, error: Option<&str>, why: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (status, error), "{why}: {}", answer.text());
}

pub(super) fn access_token(answer: &Answer) -> String {
    answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

/// What a token says it is bound to.
fn bound_to(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&payload).unwrap()["cnf"].clone()
}

fn thumbprint(identity: &Identity) -> String {
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &identity.certificate))
}

pub(super) fn named(parameters: &mut rcgen::CertificateParams) {
    let name = &mut parameters.distinguished_name;
    name.push(DnType::CountryName, "CN");
    name.push(DnType::OrganizationName, "Bright Apps, Ltd");
    name.push(DnType::CommonName, "erp 杭州");
    parameters.subject_alt_names = vec![
        SanType::DnsName("ERP.bright.example".try_into().unwrap()),
        SanType::URI("spiffe://bright.example/erp".try_into().unwrap()),
        SanType::IpAddress("10.1.2.3".parse().unwrap()),
        SanType::Rfc822Name("erp@bright.example".try_into().unwrap()),
    ];
}

#[test]
fn p4_a_client_is_known_by_the_name_in_a_certificate_that_an_authority_vouches_for() {
    let doors = Doors::open();
    let right = doors.client(&doors.authority.issue_to(named));
    let other =
        doors.client(&doors.authority.issue_to(|it| it.distinguished_name.push(DnType::CommonName, "other")));
    let self_signed = doors.client(&Identity::self_signed(named));
    let stranger = Authority::new().issue_to(named);
    let stranger = doors.client(&stranger);
    let expired = doors.client(&doors.authority.issue_to(|it| {
        named(it);
        it.not_after = rcgen::date_time_ymd(2020, 1, 1);
    }));
    for (setting, name) in [
        ("tls_client_auth_subject_dn", r"cn=erp 杭州, O=Bright Apps\, Ltd, C=CN"),
        ("tls_client_auth_san_dns", "erp.BRIGHT.example"),
        ("tls_client_auth_san_uri", "spiffe://bright.example/erp"),
        ("tls_client_auth_san_ip", "10.1.2.3"),
        ("tls_client_auth_san_email", "erp@bright.example"),
    ] {
        let mut settings = json!({"token_endpoint_auth_methods": ["tls_client_auth"]});
        settings[setting] = json!(name);
        let (id, secret) = doors.app(&settings);
        assert_eq!(secret, None);
        let fields = [GRANT, ("client_id", &*id)];
        let token = doors.token(&right, &fields);
        check(&token, 200, None, setting);
        assert_eq!(bound_to(&access_token(&token)), Value::Null, "{setting}: not bound unless asked for");
        let nobody = doors.authority.client();
        let strangers = [
            (&other, "another name"),
            (&self_signed, "nobody vouches"),
            (&stranger, "a stranger vouches"),
            (&expired, "expired"),
            (&nobody, "no certificate"),
        ];
        for (client, why) in strangers {
            let refused = doors.token(client, &fields);
            check(&refused, 401, Some("invalid_client"), why);
            let reason = match why {
                "no certificate" => WRONG_DOOR,
                "expired" => "the certificate is not valid now",
                _ => "the certificate is none of the app's",
            };
            doors.is_logged(&refused, reason);
        }
        let front = call(&right, doors.dev.tls_address(), "/oauth/token", Some(&form(&fields)), "");
        check(&front, 401, Some("invalid_client"), "the front door asks for no certificate");
        doors.is_logged(&front, WRONG_DOOR);
    }
}

#[test]
fn p4_a_client_is_known_by_a_certificate_that_it_registered_itself() {
    let doors = Doors::open();
    let (mine, other) = (Identity::self_signed(named), Identity::self_signed(named));
    let vouched = doors.authority.issue_to(named);
    let with = |name: &str, value: Value| {
        let mut key = Signer::new("ES256", "a").jwk();
        key[name] = value;
        json!({"token_endpoint_auth_methods": ["self_signed_tls_client_auth"], "jwks": {"keys": [key]}})
    };
    for settings in
        [with("x5c", json!([STANDARD.encode(&mine.certificate)])), with("x5t#S256", json!(thumbprint(&mine)))]
    {
        let (id, _) = doors.app(&settings);
        let ask = |identity: &Identity| doors.token(&doors.client(identity), &[GRANT, ("client_id", &id)]);
        check(&ask(&mine), 200, None, "its own");
        check(&ask(&other), 401, Some("invalid_client"), "another one of the same name");
        check(&ask(&vouched), 401, Some("invalid_client"), "one that an authority vouches for");
        let secret = [GRANT, ("client_id", &*id), ("client_secret", "tgs_x")];
        check(&doors.token(&doors.client(&mine), &secret), 401, Some("invalid_client"), "a secret beside it");
    }
    let (id, secret) = doors.app(&json!({}));
    let fields = [GRANT, ("client_id", &*id)];
    check(&doors.token(&doors.client(&mine), &fields), 401, Some("invalid_client"), "not registered for it");
    let fields = [GRANT, ("client_id", &*id), ("client_secret", secret.as_deref().unwrap())];
    check(&doors.token(&doors.client(&mine), &fields), 200, None, "a secret there, whatever certificate");
}

#[test]
fn p4_a_bound_token_is_taken_with_its_certificate_alone() {
    let doors = Doors::open();
    let (mine, other) = (Identity::self_signed(named), Identity::self_signed(named));
    let (client, thief) = (doors.client(&mine), doors.client(&other));
    let (id, secret) = doors.app(&json!({"tls_client_certificate_bound_access_tokens": true}));
    let fields = [GRANT, ("client_id", &*id), ("client_secret", secret.as_deref().unwrap())];
    let answer = doors.token(&client, &fields);
    check(&answer, 200, None, "with a certificate");
    assert_eq!(answer.json()["token_type"], "Bearer");
    let token = access_token(&answer);
    assert_eq!(bound_to(&token), json!({"x5t#S256": thumbprint(&mine)}));
    for _ in 0..2 {
        assert_eq!(doors.catalog(&client, &token), (200, None));
        let refused = |(status, challenge): (u16, Option<String>), why: &str| {
            assert_eq!(status, 401, "{why}");
            assert!(challenge.is_some_and(|told| told.contains("error=\"invalid_token\"")), "{why}");
        };
        refused(doors.catalog(&thief, &token), "another certificate");
        refused(doors.catalog(&doors.authority.client(), &token), "no certificate");
        let bearer = format!("Authorization: Bearer {token}\r\n");
        let front = call(&client, doors.dev.tls_address(), "/api/products", None, &bearer);
        refused((front.status, front.header("www-authenticate").map(str::to_owned)), "the front door");
        let plain = doors.dev.get("/api/products", &[("Authorization", &format!("Bearer {token}"))]);
        refused((plain.status, plain.header("www-authenticate").map(str::to_owned)), "clear text");
    }
    let nothing = doors.token(&doors.authority.client(), &fields);
    check(&nothing, 400, Some("invalid_request"), "no certificate to bind to");
    // An ordinary token is taken at this door as at any other.
    let ordinary = access_token(&doors.dev.token_call(&[GRANT]));
    for client in [&client, &doors.authority.client()] {
        assert_eq!(doors.catalog(client, &ordinary).0, 200);
    }
}

#[test]
fn p4_a_session_that_is_resumed_keeps_its_certificate() {
    let doors = Doors::open();
    let mine = Identity::self_signed(named);
    let (id, secret) = doors.app(&json!({"tls_client_certificate_bound_access_tokens": true}));
    let fields = [GRANT, ("client_id", &*id), ("client_secret", secret.as_deref().unwrap())];
    for version in [&TLS12, &TLS13] {
        let client = doors.authority.client_as(&mine, version);
        let token = access_token(&doors.token(&client, &fields));
        let request =
            format!("GET /api/products HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n");
        let mut connection = client.connect(doors.machines(), HOST).unwrap();
        assert_eq!(connection.exchange(&request).unwrap().status, 200);
        let kind = connection.stream().conn.handshake_kind();
        assert_eq!(kind, Some(HandshakeKind::Resumed), "{version:?}");
        // A session of this door is none of the other's.
        let mut front = client.connect(doors.dev.tls_address(), HOST).unwrap();
        assert_eq!(front.exchange(&request).unwrap().status, 401);
    }
}

/// A code for an app, with the tokens that it gives at the door for machines.
fn by_code(doors: &Doors, client: &Client, proof: &[(&str, &str)], id: &str) -> Answer {
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let query = form(&[
        ("client_id", id),
        ("response_type", "code"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]);
    let code = parameter(&doors.dev.consent(&query, 0), "code").unwrap();
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    ];
    fields.extend(proof);
    doors.token(client, &fields)
}

fn refresh(doors: &Doors, client: &Client, proof: &[(&str, &str)], before: &Answer) -> Answer {
    let token = before.json()["refresh_token"].as_str().unwrap().to_owned();
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", &*token)];
    fields.extend(proof);
    doors.token(client, &fields)
}

#[test]
fn p4_a_refresh_binds_to_the_certificate_of_its_own_call() {
    let doors = Doors::open();
    let (old, new) = (Identity::self_signed(named), Identity::self_signed(named));
    let (before, after) = (doors.client(&old), doors.client(&new));
    let (id, secret) = doors.app(&json!({"tls_client_certificate_bound_access_tokens": true}));
    let proof = [("client_id", &*id), ("client_secret", secret.as_deref().unwrap())];
    let first = by_code(&doors, &before, &proof, &id);
    check(&first, 200, None, "by a code");
    assert_eq!(bound_to(&access_token(&first)), json!({"x5t#S256": thumbprint(&old)}));
    let second = refresh(&doors, &before, &proof, &first);
    assert_eq!(bound_to(&access_token(&second)), json!({"x5t#S256": thumbprint(&old)}));
    // A confidential app proves itself beside it, and its certificates end.
    let third = refresh(&doors, &after, &proof, &second);
    assert_eq!(bound_to(&access_token(&third)), json!({"x5t#S256": thumbprint(&new)}));
    assert_eq!(doors.catalog(&after, &access_token(&third)).0, 200);
    assert_eq!(doors.catalog(&before, &access_token(&third)).0, 401);
    let without = refresh(&doors, &doors.authority.client(), &proof, &third);
    check(&without, 400, Some("invalid_request"), "no certificate");
}

#[test]
fn p4_a_public_apps_refresh_tokens_are_bound_to_its_certificate() {
    let doors = Doors::open();
    let (mine, other) = (Identity::self_signed(named), Identity::self_signed(named));
    let (client, thief) = (doors.client(&mine), doors.client(&other));
    let settings = json!({"kind": "public", "tls_client_certificate_bound_access_tokens": true});
    let (id, _) = doors.app(&settings);
    let first = by_code(&doors, &client, &[("client_id", &id)], &id);
    check(&first, 200, None, "by a code");
    let stolen = refresh(&doors, &thief, &[("client_id", &id)], &first);
    check(&stolen, 400, Some("invalid_grant"), "another certificate");
    let second = refresh(&doors, &client, &[("client_id", &id)], &first);
    check(&second, 200, None, "the thief has spoilt nothing");
    assert_eq!(bound_to(&access_token(&second)), json!({"x5t#S256": thumbprint(&mine)}));
}

#[test]
fn p4_who_is_known_by_its_certificate_alone_asks_about_its_tokens_and_revokes_them() {
    let doors = Doors::open();
    let mine = Identity::self_signed(named);
    let client = doors.client(&mine);
    let mut key = Signer::new("ES256", "a").jwk();
    key["x5t#S256"] = json!(thumbprint(&mine));
    let (id, _) = doors.app(&json!({
        "token_endpoint_auth_methods": ["self_signed_tls_client_auth"], "jwks": {"keys": [key]},
    }));
    let token = access_token(&doors.token(&client, &[("client_id", &id), GRANT]));
    let ask =
        |path: &str| doors.call(&client, path, Some(&form(&[("client_id", &id), ("token", &token)])), "");
    assert_eq!(ask("/oauth/introspect").json()["active"], true);
    assert_eq!(ask("/oauth/revoke").status, 200);
    assert_eq!(ask("/oauth/introspect").json(), json!({"active": false}));
}

#[test]
fn p4_metadata_tells_where_machines_connect() {
    let doors = Doors::open();
    let document = doors.dev.get("/.well-known/oauth-authorization-server", &[]).json();
    let (dev_base, base) = (document["issuer"].as_str().unwrap(), doors.dev.told("/mtls_url"));
    assert_eq!(document["mtls_endpoint_aliases"]["token_endpoint"], format!("{base}/oauth/token"));
    let par = &document["mtls_endpoint_aliases"]["pushed_authorization_request_endpoint"];
    assert_eq!(*par, json!(format!("{base}/oauth/par")));
    for name in ["revocation", "introspection", "device_authorization"] {
        let alias = &document["mtls_endpoint_aliases"][format!("{name}_endpoint")];
        let usual = document[format!("{name}_endpoint")].as_str().unwrap();
        assert_eq!(*alias, json!(usual.replace(dev_base, base)), "{name}");
    }
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
    let methods = document["token_endpoint_auth_methods_supported"].to_string();
    assert!(methods.contains("\"tls_client_auth\"") && methods.contains("\"self_signed_tls_client_auth\""));
    let without = Dev::start().get("/.well-known/oauth-authorization-server", &[]).json();
    assert!(without.get("mtls_endpoint_aliases").is_none());
    assert!(!without["token_endpoint_auth_methods_supported"].to_string().contains("tls_client_auth"));
}
