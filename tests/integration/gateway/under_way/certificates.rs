//! Calls of machines: they end with the registration of the certificate that they came by, and with the certificate itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::world::{Call, ROUTES, Upstream};
use crate::support::bound::add;
use crate::support::dev::wait_for;
use crate::support::machines::{Machines, get, named, status, told};
use crate::support::origin::point;
use crate::support::tls::{Authority, Identity, TlsConnection, TlsStream};

/// Beyond any test.
const FAR: i32 = 2_090;
const SUBJECT: &str = "CN=erp,O=Bright Apps";

/// A gateway with a door for machines, and an upstream that takes its time.
struct World {
    machines: Machines,
    upstream: Upstream,
}

impl World {
    fn start() -> Self {
        let upstream = Upstream::start();
        let list = |authority: &Authority| authority.revocation_list(&[], FAR);
        let machines = Machines::start_with(Some(Box::new(list)), |policies| {
            point(policies, "order", &upstream.origin.address);
            point(policies, "catalog", &upstream.origin.address);
            add(policies, ROUTES);
        });
        Self { machines, upstream }
    }

    /// Begins a call that is at the upstream by then.
    #[track_caller]
    fn begin(&self, mut connection: TlsConnection, path: &str, more: &str) -> Call<TlsStream> {
        let at = format!("/{}", path.rsplit('/').next().unwrap());
        let before = self.upstream.arrived(&at);
        connection.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{more}\r\n").as_bytes());
        wait_for("the upstream to have the call", || self.upstream.arrived(&at) > before);
        Call::on(connection)
    }

    /// A stream, and a call that waits, of a machine.
    #[track_caller]
    fn calls(&self, identity: &Identity, more: &str) -> [Call<TlsStream>; 2] {
        ["ticking", "waiting"]
            .map(|how| self.begin(self.machines.connect(identity), &format!("/api/watch/{how}"), more))
    }

    /// Registers a certificate; gives how its registration is called.
    #[track_caller]
    fn register(&self, terms: &Value) -> String {
        self.machines.register(terms)["id"].as_str().unwrap().to_owned()
    }

    fn revoke(&self, id: &str) {
        let path = format!("/admin/client-certificates/{id}/revoke");
        assert_eq!(self.machines.dev.admin("POST", &path, "").status, 200);
    }
}

#[track_caller]
fn end([stream, waiting]: [Call<TlsStream>; 2]) {
    waiting.ends_refused(401, "revoked_under_way");
    stream.ends_cut_off();
}

#[track_caller]
fn go_on([stream, _]: &mut [Call<TlsStream>; 2]) {
    (0..50).for_each(|_| stream.read_until("tick"));
}

#[test]
fn a_certificate_whose_particular_registration_is_revoked_is_not_worth_more_by_a_wider_one() {
    let world = World::start();
    let erp = world.machines.authority.issue_to(named("erp", &[]));
    world.register(&json!({"subject": SUBJECT}));
    let app = world.machines.dev.told("/app/client_id");
    let narrow = json!({"fingerprint": erp.fingerprint(), "app": app, "scopes": ["order:read"]});
    let first = world.register(&narrow);
    let mut connection = world.machines.connect(&erp);
    assert_eq!(get(&mut connection, "/me", "").json()["app"], app);
    let calls = world.calls(&erp, "");
    world.revoke(&first);
    end(calls);
    for _ in 0..2 {
        assert_eq!(told(&get(&mut connection, "/me", "")), (401, "certificate_invalid".to_owned()));
    }
    let second = world.register(&narrow);
    assert_eq!(get(&mut connection, "/me", "").json()["credential"]["id"], json!(second));
}

#[test]
fn a_call_ends_once_its_certificate_is_another_apps() {
    let world = World::start();
    let erp = world.machines.authority.issue_to(named("erp", &[]));
    world.register(&json!({"subject": SUBJECT}));
    let calls = world.calls(&erp, "");
    let app = world.machines.dev.told("/app/client_id");
    world.register(&json!({"fingerprint": erp.fingerprint(), "app": app}));
    end(calls);
    assert_eq!(world.machines.me(&erp).json()["app"], app);
}

#[test]
fn what_an_authority_takes_back_ends_what_came_by_it_and_nothing_else() {
    let world = World::start();
    let machines = &world.machines;
    let [erp, other, bound] =
        ["erp", "other", "bound"].map(|name| machines.authority.issue_to(named(name, &[])));
    let by_itself = Identity::self_signed(named("erp", &[]));
    world.register(&json!({"subject": SUBJECT}));
    world.register(&json!({"subject": "CN=other,O=Bright Apps"}));
    world.register(&json!({"fingerprint": by_itself.fingerprint()}));
    let (bearer, _) = machines.bound_token(&mut machines.connect(&bound));
    let key = format!("X-Api-Key: {}\r\n", machines.dev.told("/app/api_key"));
    let [by_erp, by_bound] = [world.calls(&erp, ""), world.calls(&bound, &bearer)];
    let mut beside =
        [(&other, ""), (&by_itself, ""), (&erp, &*key)].map(|(who, more)| world.calls(who, more));
    machines.revoke(&[&erp, &bound], FAR);
    end(by_erp);
    end(by_bound);
    beside.iter_mut().for_each(go_on);

    // Another authority vouches: for what is known by itself, and what is bound, nobody has to.
    let next = Authority::new();
    let [by_other, mut by_itself, mut by_key] = beside;
    let (bearer, _) = machines.bound_token(&mut machines.connect(&other));
    let mut by_bound = world.calls(&other, &bearer);
    machines.replace("clients.pem", next.pem());
    end(by_other);
    [&mut by_itself, &mut by_key, &mut by_bound].into_iter().for_each(go_on);
}

#[test]
fn a_certificate_that_only_expires_ends_nothing_until_its_registration_is_revoked_too() {
    let world = World::start();
    let machines = &world.machines;
    let soon = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(3);
    let short = machines.authority.issue_to(|parameters| {
        named("erp", &[])(parameters);
        parameters.not_after = rcgen::date_time_ymd(1970, 1, 1) + soon;
    });
    let id = world.register(&json!({"subject": SUBJECT}));
    let mut open = machines.connect(&short);
    assert_eq!(status(&mut open), 200);
    let mut calls = world.calls(&short, "");
    wait_for("its end", || status(&mut open) == 401);
    machines.revoke(&[], FAR - 1);
    wait_for("another list", || machines.dev.log().contains("have changed"));
    go_on(&mut calls);
    world.revoke(&id);
    end(calls);
}
