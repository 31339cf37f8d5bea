//! The chains of certificates that machines show: how long they may be, and what of them counts when.

use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use serde_json::json;

use crate::support::machines::{Machines, get, named};
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
