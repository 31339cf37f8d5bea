//! `tollgate serve`: a production node.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use ipnet::IpNet;

use super::client_authorities;
use super::dev::all_cores;
use super::failure::{Failure, Outcome};
use super::listen::{self, Doors};
use super::log;
use crate::config::environment;
use crate::config::public_url::PublicUrl;
use crate::config::settings::{MutualTlsSettings, ServeSettings, TlsSettings};
use crate::domain::id::NodeId;
use crate::domain::narrowing::network;
use crate::domain::spiffe_id::TrustDomain;
use crate::server;

/// Shortest admin token: what is shorter can be guessed.
const MIN_TOKEN_LENGTH: usize = 32;

/// Where partners connect unless they are served by TLS.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);

/// Where partners connect by TLS, if they do.
const DEFAULT_TLS_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8443);

const LONG_HELP: &str = "\
Secrets come from the environment, never from the command line, which other users of the machine can read:
  TOLLGATE_ADMIN_TOKEN   the token of the admin API; at least 32 characters
  TOLLGATE_STORE         the store's address, such as postgres://tollgate@db/tollgate
                         [default: a SQLite file in the data folder]";

#[derive(Debug, Args)]
#[command(after_help = LONG_HELP)]
pub(super) struct ServeArguments {
    /// The policy folder; changes in it take effect at once, unless they are wrong
    #[arg(long, value_name = "DIR", env = "TOLLGATE_POLICIES")]
    policies: PathBuf,
    /// The data folder: the journal of usage, and the store unless TOLLGATE_STORE names another
    #[arg(long, default_value = "data", value_name = "DIR", env = "TOLLGATE_DATA")]
    data: PathBuf,
    /// The file of the key that seals secrets in the store: 32 random bytes, or 64 hexadecimal digits. All nodes of a store
    /// need the same [default: sealing.key in the data folder, made if it is not there]
    #[arg(long, value_name = "FILE", env = "TOLLGATE_SEALING_KEY_FILE")]
    sealing_key_file: Option<PathBuf>,
    /// Where partners connect in clear text [default: 0.0.0.0:8080; with --tls-certificates, nowhere]
    #[arg(long, value_name = "ADDRESS", env = "TOLLGATE_LISTEN", value_parser = listen::address)]
    listen: Option<SocketAddr>,
    /// Serve TLS with the certificates in this folder, each as NAME.crt and NAME.key, or NAME/fullchain.pem and
    /// NAME/privkey.pem; changes in it take effect at once, unless they are wrong
    #[arg(long, value_name = "DIR", env = "TOLLGATE_TLS_CERTIFICATES")]
    tls_certificates: Option<PathBuf>,
    /// Where partners connect by TLS [default: 0.0.0.0:8443]
    #[arg(long, value_name = "ADDRESS", env = "TOLLGATE_TLS_LISTEN", value_parser = listen::address, requires = "tls_certificates")]
    tls_listen: Option<SocketAddr>,
    /// Where partners' machines connect by TLS that show certificates of their own: for tls_client_auth,
    /// self_signed_tls_client_auth and tokens that are bound to certificates (RFC 8705), and certificates of apps
    #[arg(long, value_name = "ADDRESS", env = "TOLLGATE_MTLS_LISTEN", value_parser = listen::address, requires = "tls_certificates")]
    mtls_listen: Option<SocketAddr>,
    /// The authorities that vouch for those certificates, in PEM: needed for tls_client_auth, and for apps' certificates by SPIFFE
    /// id or subject. Changes in it take effect at once, unless they are wrong
    #[arg(long, value_name = "FILE", env = "TOLLGATE_MTLS_CLIENT_CA", requires = "mtls_listen")]
    mtls_client_ca: Option<PathBuf>,
    /// The authorities that alone vouch for the SPIFFE ids of a trust domain, in PEM, and for nothing else; may be given several
    /// times, in the variable with commas between
    #[arg(
        long = "mtls-trust-domain",
        value_name = "DOMAIN=FILE",
        env = "TOLLGATE_MTLS_TRUST_DOMAIN",
        value_delimiter = ',',
        value_parser = client_authorities::trust_domain,
        requires = "mtls_listen"
    )]
    mtls_trust_domains: Vec<(TrustDomain, PathBuf)>,
    /// A revocation list of those authorities, in PEM or DER; may be given several times, in the variable with commas between.
    /// Changes in it take effect within a second
    #[arg(
        long = "mtls-crl",
        value_name = "FILE",
        env = "TOLLGATE_MTLS_CRL",
        value_delimiter = ',',
        requires = "mtls_listen"
    )]
    mtls_revocation_lists: Vec<PathBuf>,
    /// The address by which they know that door, such as https://mtls.example.com [default: the host of --public-url with
    /// the port of --mtls-listen]
    #[arg(long, value_name = "URL", env = "TOLLGATE_MTLS_PUBLIC_URL", requires = "mtls_listen")]
    mtls_public_url: Option<PublicUrl>,
    /// Believe what a proxy at these addresses says of who calls through it (X-Forwarded-For, X-Forwarded-Proto): such as
    /// 10.0.0.0/8, or one address; may be given several times, in the variable with commas between
    #[arg(
        long = "trusted-proxy",
        value_name = "CIDR",
        env = "TOLLGATE_TRUSTED_PROXY",
        value_delimiter = ',',
        value_parser = proxies
    )]
    trusted_proxies: Vec<IpNet>,
    /// Where administrators connect: keep it inside your network
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDRESS", env = "TOLLGATE_ADMIN_LISTEN", value_parser = listen::address)]
    admin_listen: SocketAddr,
    /// How many cores serve partners [default: all]
    #[arg(long, value_name = "N", env = "TOLLGATE_WORKERS")]
    workers: Option<NonZeroUsize>,
    /// This node's name; its journal carries it, so it must be the same after a restart
    #[arg(long, default_value = "node-1", value_name = "NAME", env = "TOLLGATE_NODE")]
    node: NodeId,
    /// The address by which partners know this gateway, such as https://api.example.com; the OAuth2 issuer. Must be given
    /// unless the gateway listens on this machine alone
    #[arg(long, value_name = "URL", env = "TOLLGATE_PUBLIC_URL")]
    public_url: Option<PublicUrl>,
    /// Let --public-url begin with http:// beyond this machine, for networks without TLS: whoever is between can read
    /// passwords, secrets and tokens, and the cookies of logins are not marked Secure
    #[arg(long, env = "TOLLGATE_INSECURE_PUBLIC_URL", value_parser = BoolishValueParser::new())]
    insecure_public_url: bool,
    /// Believe the authorities in this file of PEM certificates too, beside those that everyone believes, when token servers
    /// and identity providers are called
    #[arg(long, value_name = "FILE", env = "TOLLGATE_AUTHORITIES")]
    authorities: Option<PathBuf>,
    /// Once it serves, write its addresses to this file
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl ServeArguments {
    fn settings(self) -> Result<ServeSettings, Failure> {
        client_authorities::check(
            self.mtls_client_ca.as_ref(),
            &self.mtls_trust_domains,
            &self.mtls_revocation_lists,
        )?;
        let mutual = self.mtls_listen.map(|listen| MutualTlsSettings {
            listen,
            client_ca: self.mtls_client_ca,
            trust_domains: self.mtls_trust_domains,
            revocation_lists: self.mtls_revocation_lists,
            public_url: self.mtls_public_url.clone(),
        });
        let tls_listen = self.tls_listen.unwrap_or(DEFAULT_TLS_LISTEN);
        let tls = self.tls_certificates.map(|certificates| TlsSettings {
            listen: tls_listen,
            certificates,
            mutual,
        });
        let listen = self.listen.or_else(|| tls.is_none().then_some(DEFAULT_LISTEN));
        // The address that it listens on would be the issuer, and 0.0.0.0 is nobody's.
        let of_tls = |tls: &TlsSettings| [Some(tls.listen), tls.mutual.as_ref().map(|mutual| mutual.listen)];
        let mut addresses = listen.into_iter().chain(tls.iter().flat_map(of_tls).flatten());
        let elsewhere = addresses.find(|address| !address.ip().is_loopback());
        if let Some(address) = elsewhere.filter(|_| self.public_url.is_none()) {
            return Err(Failure::Usage(format!(
                "tollgate: --public-url, or TOLLGATE_PUBLIC_URL, must say by which address partners know this \
                 gateway, such as https://api.example.com: it listens on {address}"
            )));
        }
        if let Some(url) =
            self.public_url.as_ref().filter(|url| !url.is_secure() && !self.insecure_public_url)
        {
            return Err(Failure::Usage(format!(
                "tollgate: --public-url {url} lets anyone between read passwords and tokens; write it like \
                 https://api.example.com, or, in a network without TLS, add --insecure-public-url, or set \
                 TOLLGATE_INSECURE_PUBLIC_URL=true"
            )));
        }
        if let Some(url) = self.mtls_public_url.as_ref().filter(|url| !url.as_str().starts_with("https://")) {
            return Err(Failure::Usage(format!(
                "tollgate: --mtls-public-url {url} cannot be: certificates are shown by TLS alone; write it like \
                 https://mtls.example.com"
            )));
        }
        Ok(ServeSettings {
            listen,
            tls,
            trusted_proxies: self.trusted_proxies,
            admin_listen: self.admin_listen,
            data: self.data,
            policies: self.policies,
            workers: self.workers.unwrap_or_else(all_cores),
            node: self.node,
            store: environment::variable("TOLLGATE_STORE"),
            sealing_key_file: self.sealing_key_file,
            public_url: self.public_url,
            authorities: self.authorities,
            ready_file: self.ready_file,
        })
    }
}

pub(super) fn run(arguments: ServeArguments) -> Outcome {
    let settings = arguments.settings()?;
    let token = environment::variable("TOLLGATE_ADMIN_TOKEN").filter(|token| token.len() >= MIN_TOKEN_LENGTH);
    let token = token.ok_or_else(|| {
        Failure::Usage(format!(
            "tollgate: TOLLGATE_ADMIN_TOKEN must hold the admin API's token, of at least {MIN_TOKEN_LENGTH} characters"
        ))
    })?;
    let _log = log::start()?;
    server::serve::run(&settings, &token).map_err(|error| Failure::of_server(error, &doors(&settings)))
}

/// A network of proxies: who is trusted is never everybody.
fn proxies(text: &str) -> Result<IpNet, String> {
    match network(text) {
        Ok(network) if network.prefix_len() == 0 => Err(format!("{network} is everybody")),
        read => read.map_err(|error| error.to_string()),
    }
}

fn doors(settings: &ServeSettings) -> Doors {
    let mut doors = vec![(settings.admin_listen, "--admin-listen")];
    doors.extend(settings.listen.map(|address| (address, "--listen")));
    doors.extend(settings.tls.as_ref().map(|tls| (tls.listen, "--tls-listen")));
    let mutual = settings.tls.as_ref().and_then(|tls| tls.mutual.as_ref());
    doors.extend(mutual.map(|mutual| (mutual.listen, "--mtls-listen")));
    doors
}
