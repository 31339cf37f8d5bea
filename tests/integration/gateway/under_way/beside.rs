//! Calls by other ways to prove oneself, calls that wait before they are sent on, and another node than the one that is told.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use super::world::{ROUTES, SOON, Upstream, World};
use crate::support::bound::{Bound, add};
use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::http::Connection;
use crate::support::issuer::{Issuer, trust};
use crate::support::message_signer::{MessageSigner, Unsigned};
use crate::support::origin::point;
use crate::support::signer::Signer;
use crate::support::stores::Place;

#[test]
fn a_signed_call_ends_with_its_key() {
    let world = World::start();
    let signer = MessageSigner::register(&world.dev, world.dev.told("/app/client_id"));
    let get = |path: &str| {
        let url = format!("{}{path}", world.dev.base());
        let fields = signer.sign(Unsigned { method: "GET", url: &url, body: "" });
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        world.get(&fields.join("\r\n"), path)
    };
    let waiting = get("/api/watch/waiting");
    let mut silent = get("/api/watch/silent");
    silent.read_until("begun");
    world.admin("POST", &format!("/admin/signature-keys/{}/revoke", signer.id), &Value::Null);
    waiting.ends_refused(401, "revoked_under_way");
    world.is_recorded(&silent.ends_cut_off(), 200, "revoked_under_way", "billable");
}

#[test]
fn a_call_by_another_issuers_token_ends_with_the_grant_that_it_is_under_and_with_the_trust_in_its_issuer() {
    let signer = Signer::new("ES256", "one");
    let issuer = Issuer::start(&[&signer]);
    let world = World::with_policies(|policies| trust(policies, &[issuer.section(&[])]));
    let keys = format!("tollgate_issuer_keys{{issuer=\"{}\"}}", issuer.name());
    wait_for("the keys", || world.dev.figure(&keys) > 0);
    let (app, merchant) = (world.dev.told("/app/client_id"), world.dev.told("/merchants/0/id"));
    // The grant that it stands on.
    world.dev.bearer(0);
    let token = |id: &str, shop: Option<&str>| {
        let mut claims = issuer.claims(app);
        claims["jti"] = json!(id);
        shop.into_iter().for_each(|shop| claims["shop"] = json!(shop));
        format!("Authorization: Bearer {}", signer.sign(&claims))
    };
    let (for_shop, of_app) = (token("1", Some(merchant)), token("2", None));
    let mut granted = world.get(&for_shop, "/api/watch/ticking");
    let mut alone = world.get(&of_app, "/api/watch/ticking");
    let waiting = world.get(&for_shop, "/api/watch/waiting");
    granted.read_until("tick");
    let grants = world.admin("GET", &format!("/admin/grants?app={app}"), &Value::Null);
    let grant = grants["items"][0]["id"].as_str().unwrap();
    world.admin("POST", &format!("/admin/grants/{grant}/revoke"), &Value::Null);
    waiting.ends_refused(401, "revoked_under_way");
    granted.ends_cut_off();
    (0..20).for_each(|_| alone.read_until("tick"));
    trust(&world.dev.policies(), &[]);
    world.admin("POST", "/admin/policy/reload", &Value::Null);
    world.is_recorded(&alone.ends_cut_off(), 200, "revoked_under_way", "billable");
}

/// Has a call end while its body is read: by which request, and how it is refused.
#[track_caller]
fn end_while_its_body_is_kept(
    end: impl FnOnce(&Bound) -> (&'static str, String, String, (u16, &'static str)),
) {
    let world = Bound::start();
    let mut connection = Connection::open(world.dev.base().strip_prefix("http://").unwrap());
    let head = format!(
        "POST /api/listings HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nContent-Type: application/json\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n",
        world.bearers[0]
    );
    connection.send(head.as_bytes());
    assert_eq!(connection.receive().unwrap().status, 100, "its body is being read");
    connection.send(b"{");
    let begun = Instant::now();
    let (method, path, body, expected) = end(&world);
    assert_eq!(world.dev.admin(method, &path, &body).status, 200);
    let answer = connection.receive().unwrap();
    // Nothing of it was sent on, so it is refused as a new call is.
    assert_eq!((answer.status, answer.code().as_str()), expected, "{}", answer.text());
    assert!(begun.elapsed() < SOON && world.seen().is_empty());
}

#[test]
fn a_body_that_is_kept_before_it_is_sent_on_is_not_waited_for() {
    end_while_its_body_is_kept(|_| {
        let path = "/admin/kill-switches/upstream/order".to_owned();
        ("PUT", path, json!({"reason": "a test"}).to_string(), (503, "switched_off"))
    });
    end_while_its_body_is_kept(|world| {
        let path = format!("/admin/apps/{}", world.dev.told("/app/client_id"));
        let narrower = json!({"scopes": ["order:read"], "default_scopes": ["order:read"]});
        ("PATCH", path, narrower.to_string(), (403, "scope_missing"))
    });
    end_while_its_body_is_kept(|world| {
        let path = format!("/admin/merchants/{}/suspend", world.ids[0]);
        ("POST", path, String::new(), (403, "suspended"))
    });
}

#[test]
fn what_ends_before_there_is_a_connection_is_refused_as_a_new_call_is() {
    // Takes one connection, and has all others wait.
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let begin = || TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok();
    let _taken: Vec<TcpStream> = std::iter::from_fn(begin).take(10).collect();
    let dev = Dev::with_policies(|policies| {
        point(policies, "order", &address.to_string());
        add(policies, ROUTES);
    });
    let key =
        dev.admin("POST", "/admin/keys", &json!({"app": dev.told("/app/client_id")}).to_string()).json();
    let text = |name: &str| key[name].as_str().unwrap();
    let connecting = connecting_to(address.port());
    let mut connection = Connection::open(dev.base().strip_prefix("http://").unwrap());
    let head = format!("GET /api/watch/waiting HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\n\r\n", text("key"));
    connection.send(head.as_bytes());
    wait_for("the gateway to begin a connection", || connecting_to(address.port()) > connecting);
    let path = format!("/admin/keys/{}/revoke", text("id"));
    assert_eq!(dev.admin("POST", &path, "").status, 200);
    let answer = connection.receive().unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (401, "credential_invalid"), "{}", answer.text());
}

/// How many connections to that port are being begun on this machine (proc_pid_net(5): SYN_SENT).
fn connecting_to(port: u16) -> usize {
    let connections = std::fs::read_to_string("/proc/net/tcp").unwrap();
    connections.lines().filter(|line| line.contains(&format!(":{port:04X} 02 "))).count()
}

#[tokio::test]
async fn what_another_node_is_told_ends_it_too() {
    let place = Place::postgres().await;
    let address = place.address();
    let test = move || {
        let upstream = Upstream::start();
        let fleet = Fleet::start(address, 2, |policies| {
            point(policies, "order", &upstream.origin.address);
            add(policies, ROUTES);
        });
        let key = fleet.admin(0, "POST", "/admin/keys", &json!({"app": fleet.client_id}));
        let text = |name: &str| key[name].as_str().unwrap();
        let host = fleet.base(1).strip_prefix("http://").unwrap();
        let mut calls = ["waiting", "silent"].map(|how| {
            let mut connection = Connection::open(host);
            let head =
                format!("GET /api/watch/{how} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\n\r\n", text("key"));
            connection.send(head.as_bytes());
            wait_for("the upstream", || upstream.arrived(&format!("/{how}")) == 1);
            connection
        });
        let begun = Instant::now();
        fleet.admin(0, "POST", &format!("/admin/keys/{}/revoke", text("id")), &json!({}));
        assert_eq!(calls[0].receive().unwrap().code(), "revoked_under_way");
        let cut = calls[1].read_to_end();
        assert!(cut.is_err() || !cut.unwrap().ends_with(b"0\r\n\r\n"));
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    };
    tokio::task::spawn_blocking(test).await.unwrap();
    drop(place);
}
