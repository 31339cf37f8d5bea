//! `tollgate serve` by TLS: by what address it is known then, and what keeps it from starting.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::process::Process;
use super::serve::{fails, serve};
use crate::support::dev::wait_for;
use crate::support::folder;
use crate::support::tls::Authority;

fn serve_by_tls(folder: &std::path::Path, authority: &Authority) -> Command {
    let mut command = serve(folder, &["--tls-certificates", authority.folder().to_str().unwrap()]);
    command.env_remove("TOLLGATE_LISTEN").env("TOLLGATE_TLS_LISTEN", "127.0.0.1:0");
    command
}

#[test]
fn a_node_that_speaks_tls_speaks_nothing_else_unasked_and_is_known_by_https() {
    let authority = Authority::of(&["127.0.0.1"]);
    for more in [&[][..], &["--listen", "127.0.0.1:0"]] {
        let project = folder::copy_of_policies_in_a_project();
        let ready = project.path().join("ready.json");
        let mut command = serve_by_tls(project.path(), &authority);
        command.args(more).arg("--ready-file").arg(&ready);
        let node = Process::start(command, &ready);
        let told: Value = serde_json::from_slice(&fs::read(&ready).unwrap()).unwrap();
        let base = told["base_url"].as_str().unwrap();
        assert_eq!(told["plain_url"].is_string(), !more.is_empty(), "{told}");
        let address = base.strip_prefix("https://").unwrap();
        let mut connection = authority.client().connect(address, "127.0.0.1").unwrap();
        let asked = super::tollgate(&["app", "list", "--admin-url", &format!("http://{address}")])
            .env("TOLLGATE_ADMIN_TOKEN", super::serve::TOKEN)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&asked.stderr).into_owned();
        assert!(told.contains("is where partners connect"), "{told}");
        let metadata =
            format!("GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: {address}\r\n\r\n");
        assert_eq!(connection.exchange(&metadata).unwrap().json()["issuer"], base);
        let logout = format!("POST /oauth/logout HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
        let answer = connection.exchange(&logout).unwrap();
        let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("{}", answer.text()));
        assert!(cookie.starts_with("__Host-") && cookie.contains("; Secure"), "{cookie}");
        assert_eq!(node.stop().code(), Some(0));
    }
}

#[test]
fn a_node_does_not_start_without_its_certificates_and_says_which_are_broken() {
    let project = folder::copy_of_policies_in_a_project();
    let (authority, lonely) = (Authority::new(), Authority::of(&["a.example"]));
    let file = |name: &str| authority.folder().join(name);
    let refused = |told: &[&str]| {
        let done = fails(serve_by_tls(project.path(), &authority));
        assert_eq!((done.status, done.out.as_str()), (3, ""), "{}", done.err);
        assert!(told.iter().all(|part| done.err.contains(part)), "{told:?} in {}", done.err);
    };
    refused(&["no certificate lies in", "fullchain.pem"]);
    authority.issue("a", &["a.example"]);
    authority.issue("b", &["b.example"]);
    fs::copy(lonely.folder().join("default.key"), file("a.key")).unwrap();
    fs::write(file("b.crt"), "nonsense").unwrap();
    refused(&["a.key does not go with", "b.crt is no certificate"]);
    fs::remove_dir_all(authority.folder()).unwrap();
    refused(&["certificates cannot be read"]);
    let mut beyond = serve_by_tls(project.path(), &authority);
    let done = fails({
        beyond.env("TOLLGATE_TLS_LISTEN", "0.0.0.0:0");
        beyond
    });
    assert_eq!(done.status, 2, "{}", done.err);
    assert!(done.err.contains("--public-url"), "{}", done.err);
}

#[test]
fn a_certificate_that_has_expired_is_told_at_the_start_and_whenever_certificates_are_read() {
    let project = folder::copy_of_policies_in_a_project();
    let authority = Authority::new();
    let issue = |name, host| {
        authority.issue_with(name, &[host], |it| it.not_after = rcgen::date_time_ymd(2021, 3, 4));
    };
    issue("a", "a.example");
    let (ready, log) = (project.path().join("ready.json"), project.path().join("log"));
    let mut command = serve_by_tls(project.path(), &authority);
    command.arg("--ready-file").arg(&ready);
    let node = Process::start_with_log(command, &ready, fs::File::create(&log).unwrap());
    let told = |name: &str| {
        let log = fs::read_to_string(&log).unwrap();
        let is_of = |line: &&str| line.contains("a certificate has expired") && line.contains(name);
        log.lines().filter(is_of).filter(|line| line.contains("ERROR") && line.contains("2021-03-04")).count()
    };
    assert_eq!((told("/a.crt"), told("/b.crt")), (1, 0), "{}", fs::read_to_string(&log).unwrap());
    issue("b", "b.example");
    wait_for("the other to be told", || told("/b.crt") > 0);
    assert!(told("/a.crt") > 1, "it is still not renewed");
    assert_eq!(node.stop().code(), Some(0));
}

#[test]
fn a_door_for_machines_needs_tls_and_authorities_that_can_be_read() {
    let project = folder::copy_of_policies_in_a_project();
    let alone = fails(serve(project.path(), &["--mtls-listen", "127.0.0.1:0"]));
    assert_eq!(alone.status, 2, "{}", alone.err);
    assert!(alone.err.contains("--tls-certificates"), "{}", alone.err);
    let authority = Authority::of(&["127.0.0.1"]);
    let nonsense = project.path().join("clients.pem");
    fs::write(&nonsense, "nonsense").unwrap();
    let good = project.path().join("authority.pem");
    fs::write(&good, authority.pem()).unwrap();
    let good = good.to_str().unwrap();
    for (more, status, told) in [
        (&["--mtls-client-ca", "clients.pem"][..], 2, "--mtls-listen"),
        (&["--mtls-listen", "0.0.0.0:0"], 2, "--public-url"),
        (
            &["--mtls-listen", "127.0.0.1:0", "--mtls-public-url", "http://127.0.0.1"],
            2,
            "https://mtls.example.com",
        ),
        (
            &["--mtls-listen", "127.0.0.1:0", "--mtls-client-ca", "nowhere.pem"],
            3,
            "nowhere.pem cannot be read",
        ),
        (
            &["--mtls-listen", "127.0.0.1:0", "--mtls-client-ca", nonsense.to_str().unwrap()],
            3,
            "no certificate in PEM",
        ),
        (&["--mtls-crl", "clients.crl"], 2, "--mtls-listen"),
        (&["--mtls-listen", "127.0.0.1:0", "--mtls-crl", "clients.crl"], 2, "--mtls-client-ca"),
        (&["--mtls-listen", "127.0.0.1:0", "--mtls-trust-domain", "own.example"], 2, "own.example"),
        (
            &[
                "--mtls-listen",
                "127.0.0.1:0",
                "--mtls-trust-domain",
                "a=x.pem",
                "--mtls-trust-domain",
                "a=y.pem",
            ],
            2,
            "comes twice",
        ),
        (
            &["--mtls-listen", "127.0.0.1:0", "--mtls-trust-domain", "a=nowhere.pem"],
            3,
            "nowhere.pem cannot be read",
        ),
        (
            &[
                "--mtls-listen",
                "127.0.0.1:0",
                "--mtls-client-ca",
                good,
                "--mtls-crl",
                nonsense.to_str().unwrap(),
            ],
            3,
            "no revocation list",
        ),
    ] {
        let mut command = serve_by_tls(project.path(), &authority);
        command.args(more);
        let done = fails(command);
        assert_eq!(done.status, status, "{more:?}: {}", done.err);
        assert!(done.err.contains(told), "{more:?}: {}", done.err);
    }
    let ready = project.path().join("ready.json");
    let mut command = serve_by_tls(project.path(), &authority);
    command.args([
        "--mtls-listen",
        "127.0.0.1:0",
        "--mtls-public-url",
        "https://mtls.example.com",
        "--ready-file",
    ]);
    let node = Process::start(
        {
            command.arg(&ready);
            command
        },
        &ready,
    );
    let told: Value = serde_json::from_slice(&fs::read(&ready).unwrap()).unwrap();
    let address = told["mtls_url"].as_str().unwrap().strip_prefix("https://").unwrap().to_owned();
    let mut connection = authority.client().connect(&address, "127.0.0.1").unwrap();
    let metadata = format!("GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let document = connection.exchange(&metadata).unwrap().json();
    let aliases = &document["mtls_endpoint_aliases"];
    assert_eq!(aliases["token_endpoint"], "https://mtls.example.com/oauth/token");
    assert_eq!(node.stop().code(), Some(0));
}
