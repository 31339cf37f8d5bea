//! By what a certificate is known, and who has to vouch for that.

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyUsagePurpose};
use serde_json::json;

use crate::support::machines::{Machines, OWN_DOMAIN, named, told};
use crate::support::tls::{Authority, Identity};

const ERP: &str = "spiffe://bright.example/erp";

fn with(
    change: impl FnOnce(&mut CertificateParams),
    more: impl FnOnce(&mut CertificateParams),
) -> impl FnOnce(&mut CertificateParams) {
    move |parameters| {
        change(parameters);
        more(parameters);
    }
}

/// The id by which a machine is known.
#[track_caller]
fn known(machines: &Machines, identity: &Identity) -> String {
    let answer = machines.me(identity);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["credential"]["id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn unknown(machines: &Machines, identity: &Identity, why: &str) {
    assert_eq!(told(&machines.me(identity)), (401, "certificate_invalid".to_owned()), "{why}");
}

#[test]
fn an_id_or_a_subject_counts_if_an_authority_vouches_for_it_and_a_fingerprint_always() {
    let machines = Machines::start();
    let (authority, stranger) = (&machines.authority, Authority::new());
    let id = |terms| machines.register(&terms)["id"].as_str().unwrap().to_owned();
    let by_id = id(json!({"spiffe_id": ERP}));
    let by_subject = id(json!({"subject": "cn=erp, o=Bright Apps"}));
    let erp = authority.issue_to(named("other", &[ERP]));
    assert_eq!(known(&machines, &erp), by_id);
    assert_eq!(known(&machines, &authority.issue_to(named("erp", &[]))), by_subject);
    let both = authority.issue_to(named("erp", &[ERP]));
    assert_eq!(known(&machines, &both), by_id, "the id is more particular than the subject");
    let below = authority.below();
    assert_eq!(known(&machines, &below.issue_to(named("erp", &[]))), by_subject, "by one between");

    let expired =
        |parameters: &mut CertificateParams| parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let not_yet =
        |parameters: &mut CertificateParams| parameters.not_before = rcgen::date_time_ymd(2090, 1, 1);
    let server = |parameters: &mut CertificateParams| {
        parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    };
    let ca =
        |parameters: &mut CertificateParams| parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let signs = |parameters: &mut CertificateParams| {
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    };
    for (identity, why) in [
        (authority.issue_to(named("other", &[])), "another subject"),
        (authority.issue_to(named("other", &["spiffe://bright.example/erp2"])), "another id"),
        (authority.issue_to(named("other", &[ERP, ERP])), "two URIs"),
        (authority.issue_to(named("other", &[ERP, "https://bright.example"])), "another URI beside it"),
        (authority.issue_to(with(named("other", &[ERP]), ca)), "an authority"),
        (authority.issue_to(with(named("erp", &[]), ca)), "an authority, by its subject"),
        (authority.issue_to(with(named("other", &[ERP]), signs)), "one that signs certificates"),
        (authority.issue_to(with(named("erp", &[ERP]), expired)), "expired"),
        (authority.issue_to(with(named("erp", &[ERP]), not_yet)), "not valid yet"),
        (authority.issue_to(with(named("erp", &[ERP]), server)), "for servers"),
        (stranger.issue_to(named("erp", &[ERP])), "a stranger vouches"),
        (stranger.below().issue_to(named("erp", &[ERP])), "a stranger vouches for who vouches"),
        (Identity::self_signed(named("erp", &[ERP])), "nobody vouches"),
    ] {
        unknown(&machines, &identity, why);
    }

    // By its fingerprint a certificate is known whoever vouches for it, and before all else.
    let ca_of_its_own = Identity::self_signed(with(named("erp", &[ERP]), ca));
    for identity in [ca_of_its_own, stranger.issue_to(named("erp", &[])), both] {
        let by_itself = id(json!({"fingerprint": identity.fingerprint()}));
        assert_eq!(known(&machines, &identity), by_itself);
    }
    let ended = Identity::self_signed(with(named("erp", &[]), expired));
    id(json!({"fingerprint": ended.fingerprint()}));
    unknown(&machines, &ended, "expired, though it is registered");
}

#[test]
fn a_trust_domain_with_authorities_of_its_own_is_vouched_for_by_them_alone_and_they_for_nothing_else() {
    let machines = Machines::start();
    let id = |terms| machines.register(&terms)["id"].as_str().unwrap().to_owned();
    let own = format!("spiffe://{OWN_DOMAIN}/erp");
    let by_id = id(json!({"spiffe_id": own}));
    id(json!({"spiffe_id": ERP}));
    let by_subject = id(json!({"subject": "CN=erp,O=Bright Apps"}));
    assert_eq!(known(&machines, &machines.own.issue_to(named("erp", &[&own]))), by_id);
    assert_eq!(known(&machines, &machines.own.below().issue_to(named("x", &[&own]))), by_id);
    unknown(&machines, &machines.own.issue_to(named("erp", &[])), "it vouches for no subject");
    unknown(&machines, &machines.own.issue_to(named("erp", &[ERP])), "nor for another domain's id");
    unknown(&machines, &machines.authority.issue_to(named("x", &[&own])), "nobody else vouches for its ids");
    let beside = machines.authority.issue_to(named("erp", &[&own]));
    assert_eq!(known(&machines, &beside), by_subject, "but for the subject beside it");
}
