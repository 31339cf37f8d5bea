//! `tollgate dev`: everything in one process.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::client_authorities;
use super::failure::{Failure, Outcome};
use super::listen::Doors;
use super::log;
use super::screen::{Format, Screen};
use crate::config::settings::{DevSettings, MutualTlsSettings, TlsSettings};
use crate::domain::spiffe_id::TrustDomain;
use crate::server;

#[derive(Debug, Args)]
pub(super) struct DevArguments {
    /// Port for partners, on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    port: u16,
    /// Port for administrators, on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 8081, value_name = "PORT")]
    admin_port: u16,
    /// Serve TLS too, with the certificates in this folder, as `tollgate serve` does
    #[arg(long, value_name = "DIR")]
    tls_certificates: Option<PathBuf>,
    /// Port for partners by TLS, on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 8443, value_name = "PORT", requires = "tls_certificates")]
    tls_port: u16,
    /// Port for partners' machines that show certificates of their own, on 127.0.0.1, as with `tollgate serve --mtls-listen`; 0
    /// picks a free one; it needs --tls-certificates
    #[arg(long, value_name = "PORT", requires = "tls_certificates")]
    mtls_port: Option<u16>,
    /// The authorities that vouch for those certificates, in PEM
    #[arg(long, value_name = "FILE", requires = "mtls_port")]
    mtls_client_ca: Option<PathBuf>,
    /// The authorities that alone vouch for the SPIFFE ids of a trust domain; may be given several times
    #[arg(
        long = "mtls-trust-domain",
        value_name = "DOMAIN=FILE",
        value_parser = client_authorities::trust_domain,
        requires = "mtls_port"
    )]
    mtls_trust_domains: Vec<(TrustDomain, PathBuf)>,
    /// A revocation list of those authorities, in PEM or DER; may be given several times
    #[arg(long = "mtls-crl", value_name = "FILE", requires = "mtls_port")]
    mtls_revocation_lists: Vec<PathBuf>,
    /// Keep data in this folder; a start on the same one makes new keys and passwords, and the sandbox forgets its
    /// orders [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The policy folder
    #[arg(long, default_value = "policies", value_name = "DIR")]
    policies: PathBuf,
    /// Believe the authorities in this file of PEM certificates too when token servers and identity providers are called
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
    /// Once it serves, write addresses and credentials to this file, as JSON that only you can read
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// How many cores serve partners [default: all]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
}

impl DevArguments {
    fn settings(self) -> Result<DevSettings, Failure> {
        client_authorities::check(
            self.mtls_client_ca.as_ref(),
            &self.mtls_trust_domains,
            &self.mtls_revocation_lists,
        )?;
        let mutual = self.mtls_port.map(|port| MutualTlsSettings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            client_ca: self.mtls_client_ca,
            trust_domains: self.mtls_trust_domains,
            revocation_lists: self.mtls_revocation_lists,
            public_url: None,
        });
        Ok(DevSettings {
            port: self.port,
            admin_port: self.admin_port,
            tls: self.tls_certificates.map(|certificates| TlsSettings {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, self.tls_port)),
                certificates,
                mutual,
            }),
            data: self.data,
            policies: self.policies,
            authorities: self.authorities,
            ready_file: self.ready_file,
            workers: self.workers.unwrap_or_else(all_cores),
        })
    }
}

/// The cores that this process may use.
pub(super) fn all_cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

pub(super) fn run(arguments: DevArguments, screen: &Screen) -> Outcome {
    let settings = arguments.settings()?;
    let _log = log::start()?;
    server::dev::run(&settings, &|ready| tell(ready, screen))
        .map_err(|error| Failure::of_server(error, &doors(&settings)))
}

fn doors(settings: &DevSettings) -> Doors {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut doors = vec![(local(settings.port), "--port"), (local(settings.admin_port), "--admin-port")];
    doors.extend(settings.tls.as_ref().map(|tls| (tls.listen, "--tls-port")));
    let mutual = settings.tls.as_ref().and_then(|tls| tls.mutual.as_ref());
    doors.extend(mutual.map(|mutual| (mutual.listen, "--mtls-port")));
    doors
}

/// Prints what to try. A closed standard output is no reason to stop.
fn tell(ready: &Value, screen: &Screen) {
    if screen.format() == Format::Json {
        let _ = screen.json(ready);
        return;
    }
    let text = |pointer: &str| ready.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (base, key) = (text("/base_url"), text("/app/api_key"));
    let client = text("/app/client_id");
    let redirect: String = form_urlencoded::byte_serialize(text("/app/redirect_uri").as_bytes()).collect();
    let lines = [
        format!("Tollgate serves {base} (partners) and {} (administrators).", text("/admin_url")),
        "Try:".to_owned(),
        format!("  curl {base}/api/products?page_size=3"),
        format!("  curl -H 'X-Api-Key: {key}' {base}/api/products/p-1001"),
        "In a browser, as a merchant:".to_owned(),
        format!("  {base}/oauth/authorize?client_id={client}&response_type=code&redirect_uri={redirect}"),
        format!("  user {}, password {}", text("/merchants/0/username"), text("/merchants/0/password")),
        "As an administrator:".to_owned(),
        format!(
            "  export TOLLGATE_ADMIN_URL={} TOLLGATE_ADMIN_TOKEN={}",
            text("/admin_url"),
            text("/admin_token")
        ),
        "  tollgate app list".to_owned(),
    ];
    let _ = screen.text(&lines.join("\n"));
}
