//! Certificates change on disk: whoever is connected stays so, and a broken one changes nothing and is told.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustls::version::TLS13;

use crate::support::dev::{Dev, wait_for};
use crate::support::tls::{Authority, Client};

const HOST: &str = "shop.example";
/// A client that keeps no sessions, so that it is shown the certificate each time.
fn newcomer(authority: &Authority) -> Client {
    authority.client_of(&[&TLS13], &[])
}

#[test]
fn a_new_certificate_is_shown_while_kept_connections_and_sessions_go_on() {
    let authority = Authority::of(&[HOST]);
    let dev = Dev::with_tls(authority.folder(), |policies| {
        let plan = policies.join("plans/standard.yaml");
        let text = fs::read_to_string(&plan).unwrap();
        let text =
            text.replace("requests: 60000", "requests: 60000000").replace("burst: 2000", "burst: 1000000");
        fs::write(plan, text).unwrap();
    });
    let key = dev.told("/app/api_key");
    let request = &format!("GET /api/products/p-1001 HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\n\r\n");
    let returning = authority.client();
    let mut kept: Vec<_> = (0..8).map(|_| returning.connect(dev.tls_address(), HOST).unwrap()).collect();
    let (stop, served) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let (stop, served) = (&stop, &served);
        let workers: Vec<_> = kept
            .iter_mut()
            .map(|connection| {
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        assert_eq!(connection.exchange(request).expect("an answer").status, 200);
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            let next = authority.issue("default", &[HOST]);
            wait_for("the new certificate", || newcomer(&authority).shown(dev.tls_address(), HOST) == next);
        }
        let before = served.load(Ordering::Relaxed);
        wait_for("requests after it", || served.load(Ordering::Relaxed) > before + 100);
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().for_each(|worker| worker.join().expect("no request fails"));
    });
    let again = returning.connect(dev.tls_address(), HOST).unwrap();
    assert_eq!(again.stream().conn.handshake_kind(), Some(rustls::HandshakeKind::Resumed));
    assert_eq!(dev.figure("tollgate_tls_reload_failures_total"), 0);
}

#[test]
fn a_broken_certificate_leaves_the_one_before_in_force_and_is_told() {
    let authority = Authority::of(&[HOST]);
    let other = authority.issue("other", &["other.example"]);
    let dev = Dev::with_tls(authority.folder(), |_| {});
    let shown = |host: &str| newcomer(&authority).shown(dev.tls_address(), host);
    let first = shown(HOST);
    let path = |name: &str| authority.folder().join(name);
    let gone = authority.folder().with_file_name("gone");
    let lonely = Authority::of(&[HOST]);
    let breaks: [(&str, &dyn Fn()); 5] = [
        ("default.crt is no certificate", &|| fs::write(path("default.crt"), "-----BEGIN CERT").unwrap()),
        ("does not go with", &|| {
            fs::copy(lonely.folder().join("default.crt"), path("default.crt")).unwrap();
        }),
        ("is no private key", &|| fs::write(path("default.key"), "").unwrap()),
        ("has no", &|| fs::remove_file(path("default.key")).unwrap()),
        ("cannot be read", &|| {
            fs::rename(authority.folder(), &gone).unwrap();
        }),
    ];
    for (number, (told, make)) in breaks.iter().enumerate() {
        make();
        let failures = u64::try_from(number).unwrap() + 1;
        wait_for(told, || dev.figure("tollgate_tls_reload_failures_total") == failures);
        wait_for(told, || dev.log().contains(told));
        assert_eq!((shown(HOST), shown("other.example")), (first.clone(), other.clone()), "{told}");
    }
    assert!(dev.log().contains("ERROR"), "{}", dev.log());
    fs::rename(&gone, authority.folder()).unwrap();
    let [mended, new] = [authority.issue("default", &[HOST]), authority.issue("new", &["new.example"])];
    wait_for("what was mended", || shown(HOST) == mended);
    assert_eq!(shown("new.example"), new);
    let page = dev.figure("tollgate_tls_certificate_not_after_seconds{host=\"new.example\"}");
    assert!(page > 1_800_000_000, "{page}");
}

#[test]
fn links_that_are_pointed_elsewhere_are_followed_and_certificates_that_go_are_gone() {
    let authority = Authority::of(&[HOST]);
    let (archive, live) = (tempfile::tempdir().unwrap(), authority.folder().join("b.example"));
    fs::create_dir(&live).unwrap();
    let renew = |number: usize| {
        let [chain, key] =
            ["fullchain", "privkey"].map(|kind| archive.path().join(format!("{kind}{number}.pem")));
        let issued = authority.issue_as(&chain, &key, &["b.example"]);
        point_to(&live.join("fullchain.pem"), &chain);
        point_to(&live.join("privkey.pem"), &key);
        issued
    };
    let first = renew(1);
    let dev = Dev::with_tls(authority.folder(), |_| {});
    let shown = |host: &str| newcomer(&authority).shown(dev.tls_address(), host);
    assert_eq!(shown("b.example"), first);
    let second = renew(2);
    wait_for("the renewed one", || shown("b.example") == second);
    fs::remove_dir_all(&live).unwrap();
    wait_for("it to be gone", || newcomer(&authority).connect(dev.tls_address(), "b.example").is_err());
    assert_eq!(dev.figure("tollgate_tls_reload_failures_total"), 0);
}

fn point_to(link: &Path, target: &Path) {
    let _ = fs::remove_file(link);
    symlink(target, link).unwrap();
}

#[test]
fn a_key_that_anybody_may_read_is_warned_of() {
    let authority = Authority::of(&[HOST]);
    let key = authority.folder().join("default.key");
    let allow = |mode: u32| fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
    allow(0o640);
    let dev = Dev::with_tls(authority.folder(), |_| {});
    assert!(!dev.log().contains("anybody"), "{}", dev.log());
    allow(0o644);
    wait_for("the warning", || dev.log().contains("WARN") && dev.log().contains("default.key"));
}
