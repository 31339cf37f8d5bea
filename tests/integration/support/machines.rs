//! A gateway with a door for machines, the authorities that vouch for them, and what those took back.

use std::fs;
use std::path::PathBuf;

use rcgen::{CertificateParams, DnType, SanType};
use rustls::version::TLS13;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::dev::Dev;
use super::http::{Answer, form};
use super::tls::{Authority, Client, Identity, RevocationList, TlsConnection};

const HOST: &str = "mtls.example";
/// The trust domain that has an authority of its own.
pub(crate) const OWN_DOMAIN: &str = "own.example";

/// Makes a list of what an authority took back.
type MakeList<'l> = Box<dyn FnOnce(&Authority) -> RevocationList + 'l>;

/// A gateway with a door for machines.
pub(crate) struct Machines {
    pub(crate) dev: Dev,
    /// Vouches for whatever it issues.
    pub(crate) authority: Authority,
    /// Vouches for ids of [`OWN_DOMAIN`] alone.
    pub(crate) own: Authority,
    folder: TempDir,
}

impl Machines {
    /// Where nothing was taken back yet, and nobody says so.
    pub(crate) fn start() -> Self {
        Self::start_with(None, |_| {})
    }

    /// Where `list` says what was taken back.
    pub(crate) fn with_list<'l>(list: impl FnOnce(&Authority) -> RevocationList + 'l) -> Self {
        Self::start_with(Some(Box::new(list)), |_| {})
    }

    /// With policies as `change` leaves them.
    pub(crate) fn start_with<'l>(list: Option<MakeList<'l>>, change: impl FnOnce(&std::path::Path)) -> Self {
        let (authority, own, folder) =
            (Authority::of(&[HOST]), Authority::new(), tempfile::tempdir().unwrap());
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (roots, lists) = (path("clients.pem"), path("clients.crl"));
        fs::write(&roots, authority.pem()).unwrap();
        fs::write(path("own.pem"), own.pem()).unwrap();
        let domain = format!("{OWN_DOMAIN}={}", path("own.pem"));
        let certificates = authority.folder().to_str().unwrap();
        let mut more = vec!["--tls-port", "0", "--tls-certificates", certificates, "--mtls-port", "0"];
        more.extend(["--mtls-client-ca", &roots, "--mtls-trust-domain", &domain]);
        if let Some(list) = list {
            fs::write(&lists, list(&authority).pem().unwrap()).unwrap();
            more.extend(["--mtls-crl", &lists]);
        }
        let dev = Dev::with_options(&more, change);
        Self { dev, authority, own, folder }
    }

    /// The file of the authority's certificates.
    pub(crate) fn roots(&self) -> PathBuf {
        self.folder.path().join("clients.pem")
    }

    /// Puts another file in its place, at once.
    pub(crate) fn replace(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let next = self.folder.path().join("next");
        fs::write(&next, bytes).unwrap();
        fs::rename(next, self.folder.path().join(name)).unwrap();
    }

    /// The authority takes certificates back, until the first day of a year.
    pub(crate) fn revoke(&self, revoked: &[&Identity], until: i32) {
        let revoked: Vec<_> = revoked.iter().map(|identity| &identity.certificate).collect();
        self.replace("clients.crl", self.authority.revocation_list(&revoked, until).pem().unwrap());
    }

    /// Registers a certificate of the app that has subscribed to three API products; gives what is told of it.
    #[track_caller]
    pub(crate) fn register(&self, terms: &Value) -> Value {
        let mut body = terms.clone();
        if body["app"].is_null() {
            body["app"] = json!(self.dev.told("/other_app/client_id"));
        }
        let made = self.dev.admin("POST", "/admin/client-certificates", &body.to_string());
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()
    }

    /// A token that is bound to the certificate of a connection, as a field, and whose it is: an app's that has subscribed.
    #[track_caller]
    pub(crate) fn bound_token(&self, connection: &mut TlsConnection) -> (String, String) {
        let made = self.dev.register(&json!({
            "grant_types": ["client_credentials"], "tls_client_certificate_bound_access_tokens": true,
        }));
        let text = |name: &str| made[name].as_str().unwrap();
        let id = text("client_id").to_owned();
        let subscription = json!({"app": id, "product": "storefront", "plan": "standard"});
        assert_eq!(self.dev.admin("POST", "/admin/subscriptions", &subscription.to_string()).status, 201);
        let (client, secret) = (("client_id", text("client_id")), ("client_secret", text("client_secret")));
        let fields = form(&[("grant_type", "client_credentials"), client, secret]);
        let asked = format!(
            "POST /oauth/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{fields}",
            fields.len()
        );
        let token = connection.exchange(&asked).unwrap().json();
        (format!("Authorization: Bearer {}\r\n", token["access_token"].as_str().unwrap()), id)
    }

    pub(crate) fn client(&self, identity: &Identity) -> Client {
        self.authority.client_as(identity, &TLS13)
    }

    /// A connection by that certificate.
    pub(crate) fn connect(&self, identity: &Identity) -> TlsConnection {
        self.open(&self.client(identity))
    }

    pub(crate) fn open(&self, client: &Client) -> TlsConnection {
        client.connect(self.address(), HOST).unwrap()
    }

    /// Where their door is.
    pub(crate) fn address(&self) -> &str {
        self.dev.told("/mtls_url").strip_prefix("https://").unwrap()
    }

    /// Who a machine is told to be on a connection of its own.
    pub(crate) fn me(&self, identity: &Identity) -> Answer {
        get(&mut self.connect(identity), "/me", "")
    }
}

/// A call on a connection, with more fields.
#[track_caller]
pub(crate) fn get(connection: &mut TlsConnection, path: &str, more: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{more}\r\n");
    connection.exchange(&request).expect("the connection goes on")
}

/// The status of a call, and its code if it was refused.
#[track_caller]
pub(crate) fn told(answer: &Answer) -> (u16, String) {
    let code = if answer.status < 400 { String::new() } else { answer.code() };
    (answer.status, code)
}

/// 200, if it is known whose the connection is; the call itself wants a merchant.
#[track_caller]
pub(crate) fn status(connection: &mut TlsConnection) -> u16 {
    let answer = get(connection, "/api/orders", "");
    match told(&answer) {
        (403, code) if code == "merchant_missing" => 200,
        (status, _) => status,
    }
}

/// Names a certificate so.
pub(crate) fn named(subject: &str, uris: &[&str]) -> impl FnOnce(&mut CertificateParams) {
    let (subject, uris) = (subject.to_owned(), uris.iter().map(|uri| (*uri).try_into().unwrap()));
    let uris: Vec<SanType> = uris.map(SanType::URI).collect();
    move |parameters| {
        parameters.distinguished_name.push(DnType::OrganizationName, "Bright Apps");
        parameters.distinguished_name.push(DnType::CommonName, subject);
        parameters.subject_alt_names = uris;
    }
}
