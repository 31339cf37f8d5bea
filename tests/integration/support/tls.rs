//! An authority that issues certificates into a folder, and clients that trust it.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub(crate) use rcgen::CertificateRevocationList as RevocationList;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
};
use rustls::client::{Resumption, Tls12Resumption};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned, SupportedProtocolVersion,
};
use tempfile::TempDir;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::http::Connection;

pub(crate) const BOTH_VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// An authority, and the folder of certificates that it issues into.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    /// Those that lead from it to the first.
    chain: Vec<CertificateDer<'static>>,
    _temporary: TempDir,
}

/// A connection by TLS.
pub(crate) type TlsConnection = Connection<TlsStream>;
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

impl Authority {
    pub(crate) fn new() -> Self {
        // Else its name is that of what it issues, which then looks as if it had issued itself.
        let parameters = authority("Authority of the tests");
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        Self::over(issuer, Vec::new())
    }

    /// An authority that this one has issued a certificate to; what it issues is shown with that.
    pub(crate) fn below(&self) -> Self {
        let parameters = authority("Authority below it");
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::signed_by(parameters, key, &self.issuer).unwrap();
        let chain = [&[issuer.der().clone()][..], &self.chain].concat();
        Self::over(issuer, chain)
    }

    fn over(issuer: CertifiedIssuer<'static, KeyPair>, chain: Vec<CertificateDer<'static>>) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("certificates");
        fs::create_dir(&folder).unwrap();
        Self { issuer, folder, chain, _temporary: temporary }
    }

    /// One that has issued a certificate for these hosts, under the name `default`.
    pub(crate) fn of(hosts: &[&str]) -> Self {
        let authority = Self::new();
        authority.issue("default", hosts);
        authority
    }

    /// Where the certificates lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes `NAME.crt` and `NAME.key` anew.
    pub(crate) fn issue(&self, name: &str, hosts: &[&str]) -> CertificateDer<'static> {
        let [certificate, key] = ["crt", "key"].map(|end| self.folder().join(format!("{name}.{end}")));
        self.issue_as(&certificate, &key, hosts)
    }

    /// The same, changed before.
    pub(crate) fn issue_with(&self, name: &str, hosts: &[&str], change: impl FnOnce(&mut CertificateParams)) {
        let [certificate, key] = ["crt", "key"].map(|end| self.folder().join(format!("{name}.{end}")));
        self.write(&certificate, &key, (hosts, change));
    }

    pub(crate) fn issue_as(&self, chain: &Path, key: &Path, hosts: &[&str]) -> CertificateDer<'static> {
        self.write(chain, key, (hosts, |_: &mut CertificateParams| {}))
    }

    fn write(
        &self,
        chain: &Path,
        key: &Path,
        (hosts, change): (&[&str], impl FnOnce(&mut CertificateParams)),
    ) -> CertificateDer<'static> {
        let pair = KeyPair::generate().unwrap();
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(hosts).unwrap();
        change(&mut parameters);
        let certificate = parameters.signed_by(&pair, &self.issuer).unwrap();
        fs::create_dir_all(chain.parent().unwrap()).unwrap();
        fs::write(chain, certificate.pem()).unwrap();
        fs::write(key, pair.serialize_pem()).unwrap();
        certificate.der().clone()
    }

    /// How a server speaks with the certificate of the name `default`.
    pub(crate) fn server_config(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
        let read = |end| fs::read(self.folder().join(format!("default.{end}"))).unwrap();
        let certificate = CertificateDer::from_pem_slice(&read("crt")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(&read("key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key);
        Arc::new(config.unwrap())
    }

    /// A certificate of a client that this authority issues, changed before.
    pub(crate) fn issue_to(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let pair = KeyPair::generate().unwrap();
        let certificate = parameters(change).signed_by(&pair, &self.issuer).unwrap();
        let (certificate, chain) = (certificate.der().clone(), self.chain.clone());
        Identity { certificate, chain, key: pair.serialize_der() }
    }

    /// What this authority took back, until the first day of a year.
    pub(crate) fn revocation_list(&self, revoked: &[&CertificateDer<'_>], until: i32) -> RevocationList {
        self.revocation_list_with(revoked, until, |_| {})
    }

    /// The same, changed before.
    pub(crate) fn revocation_list_with(
        &self,
        revoked: &[&CertificateDer<'_>],
        until: i32,
        change: impl FnOnce(&mut CertificateRevocationListParams),
    ) -> RevocationList {
        let this_update = rcgen::date_time_ymd(2020, 1, 1);
        let revoked_certs = revoked.iter().map(|certificate| RevokedCertParams {
            serial_number: serial(certificate),
            revocation_time: this_update,
            reason_code: None,
            invalidity_date: None,
        });
        let mut parameters = CertificateRevocationListParams {
            this_update,
            next_update: rcgen::date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        change(&mut parameters);
        parameters.signed_by(&self.issuer).unwrap()
    }

    /// The authority's own certificate.
    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        self.issuer.der()
    }

    /// A client that trusts this authority, and shows that certificate.
    pub(crate) fn client_as(
        &self,
        identity: &Identity,
        version: &'static SupportedProtocolVersion,
    ) -> Client {
        let key = PrivatePkcs8KeyDer::from(identity.key.clone());
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(self.roots())
            .with_client_auth_cert(
                [&[identity.certificate.clone()][..], &identity.chain].concat(),
                key.into(),
            );
        Client(Arc::new(config.unwrap()))
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        roots
    }

    /// The authority's own certificate, in PEM.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// How a client speaks that trusts this authority.
    pub(crate) fn config(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&str],
    ) -> ClientConfig {
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    /// A client that trusts this authority.
    pub(crate) fn client(&self) -> Client {
        self.client_of(&BOTH_VERSIONS, &[])
    }

    pub(crate) fn client_of(&self, versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> Client {
        Client(Arc::new(self.config(versions, alpn)))
    }
}

/// A client's own certificate and its key.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    /// Those that lead to the authority.
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Identity {
    /// One that nobody vouches for, changed before.
    pub(crate) fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let pair = KeyPair::generate().unwrap();
        let certificate = parameters(change).self_signed(&pair).unwrap();
        Self { certificate: certificate.der().clone(), chain: Vec::new(), key: pair.serialize_der() }
    }

    /// The same, which shows one certificate more.
    pub(crate) fn with(mut self, more: CertificateDer<'static>) -> Self {
        self.chain.push(more);
        self
    }

    /// SHA-256 of its certificate, in hexadecimal.
    pub(crate) fn fingerprint(&self) -> String {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.certificate);
        hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn serial(certificate: &CertificateDer<'_>) -> SerialNumber {
    let (_, certificate) = X509Certificate::from_der(certificate).unwrap();
    SerialNumber::from_slice(certificate.raw_serial())
}

/// Each has a name of its own: a revocation list is found by its authority's.
fn authority(name: &str) -> CertificateParams {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let mut parameters = CertificateParams::new(vec![]).unwrap();
    let name = format!("{name} {}", NUMBER.fetch_add(1, Ordering::Relaxed));
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters
}

fn parameters(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut parameters = CertificateParams::new(vec![]).unwrap();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut parameters);
    parameters
}

/// A client by TLS; it keeps its sessions.
pub(crate) struct Client(Arc<ClientConfig>);

impl Client {
    /// The same, which takes no tickets: by TLS 1.2 it resumes what the server has kept.
    pub(crate) fn without_tickets(self) -> Self {
        let mut config = (*self.0).clone();
        config.resumption =
            Resumption::in_memory_sessions(8).tls12_resumption(Tls12Resumption::SessionIdOnly);
        Self(Arc::new(config))
    }

    /// A connection to `host`, which lies at `address`, with its handshake done.
    pub(crate) fn connect(&self, address: &str, host: &str) -> std::io::Result<TlsConnection> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        let host = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
        let mut tls = ClientConnection::new(self.0.clone(), host).map_err(std::io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        Ok(Connection::over(StreamOwned::new(tls, stream)))
    }

    /// The first certificate that is shown for `host`.
    #[track_caller]
    pub(crate) fn shown(&self, address: &str, host: &str) -> CertificateDer<'static> {
        let connection = self.connect(address, host).unwrap_or_else(|error| panic!("{host}: {error}"));
        connection.stream().conn.peer_certificates().unwrap()[0].clone()
    }
}
