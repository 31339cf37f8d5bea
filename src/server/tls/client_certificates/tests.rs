//! What is remembered of chains, and how much is kept of lists.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
};
use rustls::crypto::aws_lc_rs::default_provider;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn issuer() -> Issuer {
    let mut parameters = CertificateParams::new(vec![]).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, "Authority of the tests");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

fn issued_by(issuer: &Issuer) -> Box<[u8]> {
    let mut parameters = CertificateParams::new(vec![]).unwrap();
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = parameters.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap();
    Box::from(&**certificate.der())
}

fn settings(folder: &Path, issuers: &[&Issuer]) -> MutualTlsSettings {
    let file = |number: usize| folder.join(format!("{number}.pem"));
    let domain = |number: usize| format!("{number}.example").parse().unwrap();
    for (number, issuer) in issuers.iter().enumerate() {
        fs::write(file(number), issuer.pem()).unwrap();
    }
    MutualTlsSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        client_ca: Some(file(0)),
        trust_domains: (1..issuers.len()).map(|number| (domain(number), file(number))).collect(),
        revocation_lists: Vec::new(),
        public_url: None,
    }
}

fn open(settings: &MutualTlsSettings) -> Result<ClientAuthorities, CertificateError> {
    ClientAuthorities::open(settings, Arc::new(default_provider()), NOW)
}

#[test]
fn each_chain_is_looked_at_once_for_each_version_and_others_take_no_place_of_those_vouched_for() {
    let folder = tempfile::tempdir().unwrap();
    let (first, next) = (issuer(), issuer());
    let authorities = open(&settings(folder.path(), &[&first])).unwrap();
    let [known, stranger] = [&first, &next].map(|issuer| [issued_by(issuer)]);
    let is_vouched = |chain: &[Box<[u8]>]| authorities.look_at(chain, NOW).unwrap().vouched.is_some();
    let remembered =
        |looks: &Looks, chain: &[Box<[u8]>]| looks.get(&hash_of(chain)).map(|(version, _)| version);
    for _ in 0..2 {
        assert!(is_vouched(&known) && !is_vouched(&stranger));
    }
    assert_eq!(remembered(&authorities.vouched, &known), Some(1));
    assert_eq!(remembered(&authorities.others, &stranger), Some(1));
    assert_eq!(remembered(&authorities.vouched, &stranger), None);
    fs::write(folder.path().join("0.pem"), next.pem()).unwrap();
    authorities.reload(NOW);
    for _ in 0..2 {
        assert!(!is_vouched(&known) && is_vouched(&stranger));
    }
    assert_eq!(remembered(&authorities.others, &known), Some(2));
    assert_eq!(remembered(&authorities.vouched, &stranger), Some(2));
}

#[test]
fn lists_are_kept_for_each_file_of_authorities_up_to_a_bound_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = issuer();
    let list = folder.path().join("clients.crl");
    let revoked_certs = (0..20_000_u64).map(|number| RevokedCertParams {
        serial_number: SerialNumber::from(number + (1 << 62)),
        revocation_time: rcgen::date_time_ymd(2020, 1, 1),
        reason_code: None,
        invalidity_date: None,
    });
    let parameters = CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2020, 1, 1),
        next_update: rcgen::date_time_ymd(2090, 1, 1),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: revoked_certs.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    fs::write(&list, parameters.signed_by(&issuer).unwrap().der()).unwrap();
    let bytes = usize::try_from(fs::metadata(&list).unwrap().len()).unwrap();
    let most = MOST_LISTS / bytes;
    for (authorities, is_taken) in [(1, true), (most + 1, false)] {
        let settings = settings(folder.path(), &vec![&issuer; authorities]);
        let opened = open(&MutualTlsSettings { revocation_lists: vec![list.clone()], ..settings });
        assert_eq!(opened.is_ok(), is_taken, "{authorities} times {bytes}");
        if let Err(error) = opened {
            assert!(error.to_string().contains("give fewer of either"), "{error}");
        }
    }
}
