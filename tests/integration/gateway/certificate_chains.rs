//! The chains of certificates that machines show: how long they may be, and what of them counts when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::CertificateParams;
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use serde_json::json;

use crate::support::dev::wait_for;
use crate::support::machines::{Machines, get, named, status};
use crate::support::tls::{Authority, Identity};

const REGISTERED: &str = "CN=erp,O=Bright Apps";

/// Whether the door shuts before a call is heard.
fn is_shut_out(machines: &Machines, identity: &Identity) -> bool {
    [&TLS12, &TLS13].into_iter().all(|version| {
        let client = machines.authority.client_as(identity, version);
        let Ok(mut connection) = client.connect(machines.address(), "mtls.example") else { return true };
        connection.try_exchange("GET /me HTTP/1.1\r\nHost: a\r\n\r\n").is_none()
    })
}

#[test]
fn a_chain_may_be_five_certificates_and_sixteen_kibibytes_long() {
    let machines = Machines::start();
    machines.register(&json!({"subject": REGISTERED}));
    let below = |authority: &Authority| authority.below();
    let lowest = (0..3).fold(below(&machines.authority), |authority, _| below(&authority));
    assert_eq!(machines.me(&lowest.issue_to(named("erp", &[]))).status, 200);
    assert!(is_shut_out(&machines, &below(&lowest).issue_to(named("erp", &[]))), "six");
    let padded = |length: usize| {
        let padding = format!("https://bright.example/{}", "x".repeat(length));
        machines.authority.issue_to(named("erp", &[&padding]))
    };
    assert_eq!(machines.me(&padded(15 << 10)).status, 200);
    assert!(is_shut_out(&machines, &padded(16 << 10)), "longer");
}

#[test]
fn a_session_is_not_kept_for_a_machine_that_does_not_keep_it_itself() {
    let machines = Machines::start();
    let erp = machines.authority.issue_to(named("erp", &[]));
    machines.register(&json!({"subject": REGISTERED}));
    let client = machines.authority.client_as(&erp, &TLS12).without_tickets();
    for _ in 0..2 {
        let mut connection = machines.open(&client);
        assert_eq!(get(&mut connection, "/me", "").status, 200);
        assert_eq!(connection.stream().conn.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[test]
fn what_a_chain_is_worth_is_looked_at_anew_when_part_of_it_begins_or_ends() {
    let machines = Machines::start();
    machines.register(&json!({"subject": REGISTERED}));
    let soon = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(3);
    let at = rcgen::date_time_ymd(1970, 1, 1) + soon;
    let early = machines.authority.issue_to(|parameters| {
        named("erp", &[])(parameters);
        parameters.not_before = at;
    });
    // Nothing depends on what ends.
    let ends = |parameters: &mut CertificateParams| parameters.not_after = at;
    let beside = machines.authority.issue_to(named("erp", &[])).with(Identity::self_signed(ends).certificate);
    let [mut early, mut beside] = [&early, &beside].map(|identity| machines.connect(identity));
    assert_eq!(status(&mut early), 401);
    wait_for("it to begin", || status(&mut early) == 200);
    let is_over = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap() > soon + Duration::from_secs(2);
    wait_for("the other's end", || {
        assert_eq!(status(&mut beside), 200);
        is_over()
    });
}
