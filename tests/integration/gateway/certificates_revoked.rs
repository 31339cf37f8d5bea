//! Authorities of clients, and what they took back, change on disk: whoever is connected stays so, and is known by what is in force.

use std::fs;
use std::time::{Duration, Instant};

use rcgen::{CrlDistributionPoint, CrlIssuingDistributionPoint};
use rustls::version::TLS13;
use serde_json::{Value, json};

use crate::support::dev::wait_for;
use crate::support::fleet::Fleet;
use crate::support::machines::{Machines, get, named, status, told};
use crate::support::stores::Place;
use crate::support::tls::{Authority, Identity, TlsConnection};

const PRODUCT: &str = "/api/products/p-1001";
/// Beyond any test.
const FAR: i32 = 2_090;

#[track_caller]
fn is_refused(connection: &mut TlsConnection, part: &str) {
    let answer = get(connection, "/me", "");
    assert_eq!(told(&answer), (401, "certificate_invalid".to_owned()));
    assert!(answer.json()["detail"].as_str().unwrap().contains(part), "{}", answer.text());
}

#[test]
fn what_was_taken_back_is_refused_on_connections_that_are_open_and_nobody_else_notices() {
    let machines = Machines::with_list(|authority| authority.revocation_list(&[], FAR));
    let by_id = machines.authority.issue_to(named("a", &["spiffe://bright.example/a"]));
    let by_itself = machines.authority.issue_to(named("b", &[]));
    let other = machines.authority.issue_to(named("c", &[]));
    machines.register(&json!({"spiffe_id": "spiffe://bright.example/a"}));
    machines.register(&json!({"fingerprint": by_itself.fingerprint()}));
    machines.register(&json!({"subject": "CN=c,O=Bright Apps"}));
    let mut connections = [&by_id, &by_itself, &other].map(|identity| machines.connect(identity));
    assert!(connections.iter_mut().all(|connection| status(connection) == 200));

    // What is bound to it is refused too.
    let (bearer, _) = machines.bound_token(&mut connections[0]);
    assert_eq!(get(&mut connections[0], "/me", &bearer).status, 200);

    machines.revoke(&[&by_id, &by_itself], FAR);
    let began = Instant::now();
    let [first, second, third] = &mut connections;
    wait_for("the first to be refused", || {
        assert_eq!(status(third), 200);
        status(first) == 401
    });
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    is_refused(first, "was revoked");
    is_refused(second, "was revoked");
    assert_eq!(told(&get(first, PRODUCT, "")).0, 401, "open to anyone, but not by that");
    assert_eq!(told(&get(first, "/me", &bearer)), (401, "credential_invalid".to_owned()));
    assert_eq!(told(&machines.me(&by_itself)).0, 401, "a new connection is no better");
    assert_eq!(status(third), 200);

    // Who was put on hold comes back, on the same connection.
    machines.revoke(&[&by_itself], FAR);
    wait_for("the first to be let in again", || status(first) == 200);
    is_refused(second, "was revoked");
    assert_eq!(machines.dev.figure("tollgate_mtls_reload_failures_total"), 0);
}

#[test]
fn a_list_that_is_broken_leaves_the_one_before_in_force_and_is_told() {
    let machines = Machines::with_list(|authority| authority.revocation_list(&[], FAR));
    let [erp, taken_back] = ["a", "b"].map(|name| machines.authority.issue_to(named(name, &[])));
    machines.register(&json!({"subject": "CN=a,O=Bright Apps"}));
    machines.register(&json!({"subject": "CN=b,O=Bright Apps"}));
    machines.revoke(&[&taken_back], FAR);
    let (mut good, mut bad) = (machines.connect(&erp), machines.connect(&taken_back));
    wait_for("it to be taken back", || status(&mut bad) == 401);
    let der = machines.authority.revocation_list(&[&taken_back.certificate], FAR).der().to_vec();
    let cut = der[..der.len() - 40].to_vec();
    let breaks: [(&str, Vec<u8>); 3] = [
        ("clients.crl is no revocation list", b"nonsense".to_vec()),
        ("clients.crl is no revocation list", cut),
        ("clients.crl is no revocation list", b"-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n".to_vec()),
    ];
    for (number, (part, bytes)) in breaks.into_iter().enumerate() {
        machines.replace("clients.crl", bytes);
        let failures = u64::try_from(number).unwrap() + 1;
        wait_for(part, || machines.dev.figure("tollgate_mtls_reload_failures_total") == failures);
        assert!(machines.dev.log().contains(part), "{}", machines.dev.log());
        assert_eq!((status(&mut good), status(&mut bad)), (200, 401));
    }
    fs::remove_file(machines.roots()).unwrap();
    wait_for("the roots to be missed", || machines.dev.figure("tollgate_mtls_reload_failures_total") == 4);
    assert_eq!((status(&mut good), status(&mut bad)), (200, 401));
    machines.replace("clients.pem", machines.authority.pem());
    // In DER, as many authorities publish it.
    machines.replace("clients.crl", machines.authority.revocation_list(&[], FAR).der());
    wait_for("it to be let in again", || status(&mut bad) == 200);
    assert!(machines.dev.log().contains("what was read of it before stays"));
    assert!(machines.dev.figure("tollgate_mtls_revocation_lists_end_seconds") > 3_000_000_000);
}

#[test]
fn while_a_list_has_ended_nothing_that_it_is_about_is_vouched_for() {
    let machines = Machines::with_list(|authority| authority.revocation_list(&[], 2_021));
    let erp = machines.authority.issue_to(named("a", &[]));
    let [by_itself, taken_back] = ["b", "c"].map(|name| machines.authority.issue_to(named(name, &[])));
    machines.register(&json!({"subject": "CN=a,O=Bright Apps"}));
    for identity in [&by_itself, &taken_back] {
        machines.register(&json!({"fingerprint": identity.fingerprint()}));
    }
    assert!(machines.dev.log().contains("a revocation list has ended"), "{}", machines.dev.log());
    let mut connections = [&erp, &by_itself, &taken_back].map(|identity| machines.connect(identity));
    is_refused(&mut connections[0], "vouches for");
    assert_eq!(connections[1..].iter_mut().map(status).collect::<Vec<_>>(), [200, 200], "by itself");
    // What stands in it was taken back all the same.
    machines.revoke(&[&taken_back], 2_022);
    wait_for("it to be refused", || status(&mut connections[2]) == 401);
    is_refused(&mut connections[0], "vouches for");
    machines.revoke(&[&taken_back], FAR);
    wait_for("it to be vouched for", || status(&mut connections[0]) == 200);
    is_refused(&mut connections[2], "was revoked");
}

#[test]
fn without_a_list_of_each_authority_between_there_is_nobody_who_vouches() {
    let machines = Machines::with_list(|authority| authority.revocation_list(&[], FAR));
    let below = machines.authority.below();
    let erp = below.issue_to(named("a", &[]));
    machines.register(&json!({"subject": "CN=a,O=Bright Apps"}));
    let mut connection = machines.connect(&erp);
    is_refused(&mut connection, "vouches for");
    let both = |above: &[_], of_below: &[_]| {
        let lists = [machines.authority.revocation_list(above, FAR), below.revocation_list(of_below, FAR)];
        lists.map(|list| list.pem().unwrap()).concat()
    };
    machines.replace("clients.crl", both(&[], &[]));
    wait_for("both lists", || status(&mut connection) == 200);
    machines.replace("clients.crl", both(&[below.der()], &[]));
    wait_for("the one between to be taken back", || status(&mut connection) == 401);
    is_refused(&mut connection, "was revoked");
    machines.replace("clients.crl", both(&[], &[&erp.certificate]));
    wait_for("the other", || machines.dev.log().matches("have changed").count() == 3);
    is_refused(&mut connection, "was revoked");
    // A trust domain with authorities of its own needs none.
    machines.register(&json!({"spiffe_id": "spiffe://own.example/a"}));
    let own = machines.own.below().issue_to(named("x", &["spiffe://own.example/a"]));
    assert_eq!(machines.me(&own).status, 200);
}

#[test]
fn what_stands_in_a_list_of_another_part_of_what_its_authority_issues_was_taken_back_too() {
    let machines = Machines::with_list(|authority| authority.revocation_list(&[], FAR));
    let at = |name: &str| CrlDistributionPoint { uris: vec![format!("http://own.example/{name}.crl")] };
    let id = "spiffe://own.example/a";
    let erp = machines.own.issue_to(|parameters| {
        named("a", &[id])(parameters);
        parameters.crl_distribution_points = vec![at("one")];
    });
    machines.register(&json!({"spiffe_id": id}));
    let mut connection = machines.connect(&erp);
    assert_eq!(status(&mut connection), 200);
    let of_part = machines.own.revocation_list_with(&[&erp.certificate], FAR, |parameters| {
        let (distribution_point, scope) = (at("other"), None);
        parameters.issuing_distribution_point =
            Some(CrlIssuingDistributionPoint { distribution_point, scope });
    });
    let lists = [machines.authority.revocation_list(&[], FAR), of_part];
    machines.replace("clients.crl", lists.map(|list| list.pem().unwrap()).concat());
    wait_for("it to be taken back", || status(&mut connection) == 401);
    is_refused(&mut connection, "was revoked");
}

#[test]
fn of_several_lists_of_an_authority_the_newest_alone_is_gone_by_and_watched() {
    let machines = Machines::with_list(|authority| authority.revocation_list(&[], FAR));
    let erp = Identity::self_signed(named("a", &[]));
    let mut vouched = machines.connect(&machines.authority.issue_to(named("b", &[])));
    machines.register(&json!({"fingerprint": erp.fingerprint()}));
    machines.register(&json!({"subject": "CN=b,O=Bright Apps"}));
    let old = machines.authority.revocation_list_with(&[], 2_021, |parameters| {
        parameters.this_update = rcgen::date_time_ymd(2019, 1, 1);
    });
    let lists = [old, machines.authority.revocation_list(&[], FAR - 1)];
    machines.replace("clients.crl", lists.map(|list| list.pem().unwrap()).concat());
    wait_for("both", || machines.dev.log().contains("have changed"));
    assert_eq!((machines.me(&erp).status, status(&mut vouched)), (200, 200));
    assert!(!machines.dev.log().contains("has ended"), "{}", machines.dev.log());
    assert!(machines.dev.figure("tollgate_mtls_revocation_lists_end_seconds") > 3_000_000_000);
}

#[test]
fn other_authorities_are_in_force_at_once_for_those_who_are_connected() {
    let machines = Machines::start();
    let next = Authority::new();
    let (old, new) = (machines.authority.issue_to(named("a", &[])), next.issue_to(named("b", &[])));
    let by_itself = Identity::self_signed(named("c", &[]));
    for terms in [
        json!({"subject": "CN=a,O=Bright Apps"}),
        json!({"subject": "CN=b,O=Bright Apps"}),
        json!({"fingerprint": by_itself.fingerprint()}),
    ] {
        machines.register(&terms);
    }
    let mut connections = [&old, &new, &by_itself].map(|identity| machines.connect(identity));
    let mut statuses = || connections.iter_mut().map(status).collect::<Vec<_>>();
    assert_eq!(statuses(), [200, 401, 200]);
    machines.replace("clients.pem", machines.authority.pem() + &next.pem());
    wait_for("both", || statuses() == [200, 200, 200]);
    machines.replace("clients.pem", next.pem());
    wait_for("the next alone", || statuses() == [401, 200, 200]);
    machines.replace("clients.pem", "nonsense");
    wait_for("the failure", || machines.dev.figure("tollgate_mtls_reload_failures_total") == 1);
    assert_eq!(statuses(), [401, 200, 200]);
    machines.replace("clients.pem", machines.authority.pem());
    wait_for("the old one again", || statuses() == [200, 401, 200]);
}

#[tokio::test]
async fn what_one_node_registers_and_revokes_is_in_force_on_another_for_whoever_is_connected() {
    let place = Place::postgres().await;
    let address = place.address();
    let test = move || {
        let authority = Authority::of(&["mtls.example"]);
        let more = ["--tls-certificates", authority.folder().to_str().unwrap()];
        let more = [&more[..], &["--tls-listen", "127.0.0.1:0", "--mtls-listen", "127.0.0.1:0"]].concat();
        let fleet = Fleet::start_with(address, 2, &more, |_| {});
        let identity = Identity::self_signed(named("a", &[]));
        let client = authority.client_as(&identity, &TLS13);
        let connect = |node: usize| client.connect(fleet.machines(node), "mtls.example").unwrap();
        let [mut here, mut there] = [connect(0), connect(1)];
        for _ in 0..2 {
            assert_eq!((status(&mut here), status(&mut there)), (401, 401));
            let body = json!({"app": fleet.client_id, "fingerprint": identity.fingerprint()});
            let made = fleet.admin(0, "POST", "/admin/client-certificates", &body);
            assert_eq!(status(&mut here), 200);
            wait_for("the other node to know it", || status(&mut there) == 200);
            let path = format!("/admin/client-certificates/{}/revoke", made["id"].as_str().unwrap());
            fleet.admin(1, "POST", &path, &json!({}));
            assert_eq!(status(&mut there), 401);
            wait_for("the first node to know it", || status(&mut here) == 401);
        }
        let listed = fleet.admin(
            0,
            "GET",
            &format!("/admin/client-certificates?app={}", fleet.client_id),
            &Value::Null,
        );
        assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    };
    tokio::task::spawn_blocking(test).await.unwrap();
    drop(place);
}
