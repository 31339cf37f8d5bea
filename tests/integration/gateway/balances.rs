//! Calls that are paid from a balance: never more than it bears, however many spend it at once, on whichever node.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::http::{self, Answer, Connection};
use crate::support::origin::{Origin, point};
use crate::support::stores::Place;

/// A call costs one minor unit, by the plan `standard`.
pub(super) const METERED: &str = "/api/products/p-1001";
const CLIENTS: usize = 64;

/// A balance of the first app of `tollgate dev`, by its id.
pub(super) struct Paid(pub(super) String);

impl Paid {
    pub(super) fn begin(dev: &Dev, settings: Value) -> Self {
        let mut body = settings;
        body["app"] = json!(dev.told("/app/client_id"));
        body["currency"] = json!("CNY");
        let made = dev.admin("POST", "/admin/balances", &body.to_string());
        assert_eq!(made.status, 201, "{}", made.text());
        Self(text(&made.json(), "id"))
    }

    pub(super) fn deposit(&self, dev: &Dev, amount: &str, cause: &str) -> Answer {
        let body = json!({"amount": amount, "cause": cause}).to_string();
        dev.admin("POST", &format!("/admin/balances/{}/deposits", self.0), &body)
    }

    pub(super) fn sums(&self, dev: &Dev) -> Value {
        let told = dev.admin("GET", &format!("/admin/balances/{}", self.0), "");
        assert_eq!(told.status, 200, "{}", told.text());
        told.json()
    }

    /// Waits until all calls are in the books; gives what was spent.
    pub(super) fn spent(&self, dev: &Dev) -> String {
        wait_for("the books", || dev.figure("tollgate_usage_waiting") == 0);
        text(&self.sums(dev), "spent")
    }
}

pub(super) fn call(dev: &Dev) -> Answer {
    dev.get(METERED, &[("X-Api-Key", dev.told("/app/api_key"))])
}

/// Calls until so many calls have passed.
pub(super) fn until_passed(dev: &Dev, calls: u64) {
    let mut passed = 0;
    wait_for("calls to pass", || {
        passed += u64::from(call(dev).status == 200);
        passed == calls
    });
}

/// Calls until the balance bears no more; gives how many calls passed, and the refusal.
pub(super) fn drain(dev: &Dev) -> (u64, Answer) {
    let (mut passed, mut unanswered) = (0, 0);
    loop {
        let answer = call(dev);
        match answer.status {
            200 => passed += 1,
            402 => return (passed, answer),
            // The machine was too busy for the node to lease in time, or the node has just begun.
            503 if unanswered < 200 => unanswered += 1,
            other => panic!("{other}: {}", answer.text()),
        }
    }
}

#[track_caller]
pub(super) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

/// So many clients call at once by `call`, ten times each; gives how many calls passed. All others must have been refused.
pub(super) fn all_at_once(call: impl Fn(usize) -> Answer + Sync) -> u64 {
    let passed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (call, passed) = (&call, &passed);
            scope.spawn(move || {
                for _ in 0..10 {
                    let answer = call(client);
                    match answer.status {
                        200 => passed.fetch_add(1, Ordering::Relaxed),
                        402 | 503 => 0,
                        other => panic!("{other}: {}", answer.text()),
                    };
                }
            });
        }
    });
    passed.into_inner()
}

#[test]
fn many_clients_at_once_spend_a_balance_to_its_last_unit_and_no_further() {
    let dev = Dev::start();
    let paid = Paid::begin(&dev, json!({"kind": "prepaid"}));
    let (passed, empty) = drain(&dev);
    assert_eq!((passed, empty.code().as_str()), (0, "balance_exhausted"), "nothing is paid in yet");
    let problem = empty.json();
    assert_eq!((&problem["balance"], &problem["fault"]), (&json!(paid.0), &json!("caller")));
    assert!(problem["detail"].as_str().unwrap().contains("Pay money in"), "{problem}");

    let deposited = paid.deposit(&dev, "3.00", "transfer 1");
    assert_eq!((deposited.status, &deposited.json()["left"]), (200, &json!("3.00")));
    assert_eq!(deposited.json()["already_taken"], json!(false));
    let again = paid.deposit(&dev, "3.00", "transfer 1").json();
    assert_eq!((&again["paid_in"], &again["already_taken"]), (&json!("3.00"), &json!(true)), "{again}");
    assert_eq!(paid.deposit(&dev, "4.00", "transfer 1").status, 409, "another under its cause");
    until_passed(&dev, 1);
    let passed = all_at_once(|_| call(&dev));
    let (rest, refusal) = drain(&dev);
    assert_eq!((1 + passed + rest, refusal.code().as_str()), (300, "balance_exhausted"));
    assert_eq!(paid.spent(&dev), "3.00");
    let sums = paid.sums(&dev);
    assert_eq!((&sums["left"], &sums["reserved"]), (&json!("0.00"), &json!("0.00")), "{sums}");
    let limits = dev.get("/me/limits", &[("X-Api-Key", dev.told("/app/api_key"))]).json();
    let told = &limits["balances"][0];
    assert_eq!((&told["left"], &told["spent"]), (&json!("0.00"), &json!("3.00")), "{limits}");
    let other = dev.get("/me/limits", &[("X-Api-Key", dev.told("/other_app/api_key"))]).json();
    assert!(other.get("balances").is_none(), "{other}");
    assert_eq!(dev.get(METERED, &[]).status, 200, "nobody's calls are nobody's to pay");

    assert_eq!(paid.deposit(&dev, "0.05", "transfer 2").status, 200);
    until_passed(&dev, 5);
    assert_eq!(drain(&dev).0, 0);
    let check = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(check["findings"], json!([]), "{check}");
}

/// Many clients spend a balance into which so many minor units are paid bit by bit. It is never overdrawn, and spent whole in the end.
fn prove_spent_whole(units: u64) {
    let dev = Dev::with_policies(|policies| {
        let plan = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&plan).unwrap();
        let any =
            text.replace("requests: 60000", "requests: 6000000").replace("burst: 2000", "burst: 1000000");
        std::fs::write(plan, any).unwrap();
    });
    let paid = Paid::begin(&dev, json!({"kind": "prepaid"}));
    let (passed, is_all_paid) = (AtomicU64::new(0), AtomicBool::new(false));
    let address = dev.plain().strip_prefix("http://").unwrap();
    let request = format!(
        "GET {METERED} HTTP/1.1\r\nHost: {address}\r\nX-Api-Key: {}\r\n\r\n",
        dev.told("/app/api_key")
    );
    let spend = || {
        let mut connection = Connection::open(address);
        loop {
            let was_all_paid = is_all_paid.load(Ordering::Relaxed);
            match connection.exchange(&request).expect("an answer").status {
                200 => drop(passed.fetch_add(1, Ordering::Relaxed)),
                402 if was_all_paid => return,
                402 | 503 => std::thread::yield_now(),
                other => panic!("{other}"),
            }
        }
    };
    std::thread::scope(|scope| {
        (0..CLIENTS).for_each(|_| drop(scope.spawn(spend)));
        for part in 0..10 {
            let part_of = units / 10;
            let amount = format!("{}.{:02}", part_of / 100, part_of % 100);
            assert_eq!(paid.deposit(&dev, &amount, &format!("transfer {part}")).status, 200);
            wait_for("most of it to be spent", || {
                let left = text(&paid.sums(&dev), "left");
                assert!(!left.starts_with('-'), "{left} is left");
                passed.load(Ordering::Relaxed) >= part_of * part + part_of / 2
            });
        }
        is_all_paid.store(true, Ordering::Relaxed);
    });
    let (rest, refusal) = drain(&dev);
    assert_eq!((passed.into_inner() + rest, refusal.code().as_str()), (units, "balance_exhausted"));
    assert_eq!(paid.spent(&dev), format!("{}.{:02}", units / 100, units % 100));
    let sums = paid.sums(&dev);
    assert_eq!((&sums["left"], &sums["reserved"]), (&json!("0.00"), &json!("0.00")), "{sums}");
    let check = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(check["findings"], json!([]), "{check}");
    println!("{CLIENTS} clients spent {units} minor units in 10 parts: each of them once, and not one more");
}

#[test]
fn many_clients_spend_what_is_paid_in_bit_by_bit_to_the_last_unit() {
    prove_spent_whole(2_000);
}

/// `make prove`.
#[test]
#[ignore = "a long proof: `make prove`"]
fn many_clients_spend_a_large_balance_to_the_last_unit() {
    prove_spent_whole(500_000);
}

#[test]
fn what_a_killed_node_had_leased_is_spent_after_its_restart_and_no_more() {
    let dev = Dev::start();
    let paid = Paid::begin(&dev, json!({"kind": "credit", "limit": "1.00"}));
    until_passed(&dev, 20);
    assert_eq!(paid.spent(&dev), "0.20");
    let dev = dev.kill_and_restart();
    let (passed, refusal) = drain(&dev);
    assert_eq!((passed, refusal.code().as_str()), (80, "credit_exhausted"));
    assert_eq!(paid.spent(&dev), "1.00");
    // Killed under load: of what was let through at last no record may be on the disk. That was free, and is not paid twice.
    assert_eq!(paid.deposit(&dev, "1.00", "transfer 1").status, 200);
    let before = killed_under_load(&dev);
    let dev = dev.kill_and_restart();
    let (after, _) = drain(&dev);
    assert!((96..=100 + before).contains(&(before + after)), "{before} and {after} passed");
    assert_eq!(paid.spent(&dev), "2.00");
    let sums = paid.sums(&dev);
    assert_eq!((&sums["left"], &sums["reserved"]), (&json!("0.00"), &json!("0.00")), "{sums}");
}

/// Four clients call until the node is killed; gives how many calls they saw pass.
fn killed_under_load(dev: &Dev) -> u64 {
    let passed = AtomicU64::new(0);
    let headers = [("X-Api-Key", dev.told("/app/api_key"))];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(answer) = http::try_request(dev.plain(), "GET", METERED, &headers, "") {
                    passed.fetch_add(u64::from(answer.status == 200), Ordering::Relaxed);
                }
            });
        }
        wait_for("calls to pass", || passed.load(Ordering::Relaxed) >= 30);
        dev.kill_now();
    });
    passed.into_inner()
}

#[test]
fn what_an_upstream_fails_at_is_not_spent() {
    let fails = Arc::new(AtomicBool::new(true));
    let failing = fails.clone();
    let origin = Origin::start(move |stream, _| {
        let answer = match failing.load(Ordering::Relaxed) {
            true => "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}",
            false => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let paid = Paid::begin(&dev, json!({"kind": "budget", "limit": "0.03"}));
    assert_eq!(paid.deposit(&dev, "1.00", "transfer 1").status, 409, "a budget takes no money");
    let mut failed = 0;
    wait_for("calls to fail", || {
        let status = call(&dev).status;
        assert!(matches!(status, 500 | 503), "{status}");
        failed += u64::from(status == 500);
        failed == 10
    });
    fails.store(false, Ordering::Relaxed);
    let (passed, refusal) = drain(&dev);
    assert_eq!((passed, refusal.code().as_str()), (3, "budget_exhausted"));
    assert_eq!(paid.spent(&dev), "0.03");
}

#[test]
fn who_hangs_up_has_not_saved_the_unit_that_the_call_held() {
    let (arrived, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let (has_arrived, is_done) = (arrived.clone(), done.clone());
    let origin = Origin::start(move |_, _| {
        has_arrived.store(true, Ordering::SeqCst);
        wait_for("the caller to leave", || is_done.load(Ordering::SeqCst));
    });
    let dev = Dev::with_policies(|policies| {
        point(policies, "catalog", &origin.address);
        let file = policies.join("routes/catalog.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let (head, route) = text.split_once("  - name: get-product\n").unwrap();
        let route = route.replacen("methods: [GET]", "methods: [GET, POST]", 1);
        std::fs::write(&file, format!("{head}  - name: get-product\n{route}")).unwrap();
    });
    let paid = Paid::begin(&dev, json!({"kind": "credit", "limit": "0.01"}));
    let key = dev.told("/app/api_key");
    wait_for("the upstream to have a call", || {
        let mut stream = TcpStream::connect(dev.plain().strip_prefix("http://").unwrap()).unwrap();
        let head = format!(
            "POST {METERED} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // Either the upstream has it, or the node could not lease in time.
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let _ = stream.read(&mut [0; 64]);
        arrived.load(Ordering::SeqCst)
    });
    for _ in 0..9 {
        wait_for("a refusal", || {
            let status = http::request(dev.plain(), "POST", METERED, &[("X-Api-Key", key)], "{}").status;
            assert!(matches!(status, 402 | 503), "{status}");
            status == 402
        });
    }
    assert_eq!(paid.spent(&dev), "0.00");
    wait_for("the exception", || {
        let sums = paid.sums(&dev);
        sums["reserved"] == "0.01" && sums["disputed"][0]["units"] == 1
    });
    done.store(true, Ordering::SeqCst);
}

#[test]
fn a_balance_that_cannot_be_is_told_why() {
    let dev = Dev::start();
    let app = dev.told("/app/client_id");
    let check = |body: Value, status: u16, pointer: &str| {
        let answer = dev.admin("POST", "/admin/balances", &body.to_string());
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(answer.text().contains(pointer), "{body}: {}", answer.text());
    };
    for (body, pointer) in [
        (json!({"kind": "prepaid", "currency": "CNY"}), "/app"),
        (json!({"app": app, "partner": "partner_1", "kind": "prepaid", "currency": "CNY"}), "/app"),
        (json!({"app": "app_none", "kind": "prepaid", "currency": "CNY"}), "/app"),
        (json!({"partner": "partner_none", "kind": "prepaid", "currency": "CNY"}), "/partner"),
        (json!({"app": app, "kind": "postpaid", "currency": "CNY"}), "/kind"),
        (json!({"app": app, "kind": "prepaid", "currency": "CNX"}), "/currency"),
        (json!({"app": app, "kind": "prepaid", "currency": "CNY", "limit": "1.00"}), "/limit"),
        (json!({"app": app, "kind": "credit", "currency": "CNY"}), "/limit"),
        (json!({"app": app, "kind": "credit", "currency": "CNY", "limit": "1.001"}), "/limit"),
        (json!({"app": app, "kind": "budget", "currency": "CNY", "limit": "-1.00"}), "/limit"),
    ] {
        check(body, 422, pointer);
    }
    check(json!({"app": app, "kind": "prepaid", "currency": "CNY"}), 201, "bal_");
    check(json!({"app": app, "kind": "budget", "currency": "CNY", "limit": "1.00"}), 409, "already");
    let partner = dev.admin("GET", &format!("/admin/apps/{app}"), "").json()["partner"].clone();
    check(json!({"partner": partner, "kind": "prepaid", "currency": "CNY"}), 409, "already");
    check(json!({"partner": partner, "kind": "prepaid", "currency": "USD"}), 201, "bal_");
    let listed = dev.admin("GET", "/admin/balances", "").json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_spend_one_balance_to_its_last_unit_and_no_further() {
    let place = Place::postgres().await;
    let spending = tokio::task::spawn_blocking(move || {
        spend_on_two_nodes(&place);
        place
    });
    drop(spending.await.unwrap());
}

fn spend_on_two_nodes(place: &Place) {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let fleet = Fleet::start(place.address(), 2, |policies| point(policies, "catalog", &origin.address));
    let balance = json!({"app": fleet.client_id, "kind": "prepaid", "currency": "CNY"});
    let balance = text(&fleet.admin(0, "POST", "/admin/balances", &balance), "id");
    let paid = json!({"amount": "3.00", "cause": "transfer 1"});
    fleet.admin(1, "POST", &format!("/admin/balances/{balance}/deposits"), &paid);
    let key = fleet.admin(0, "POST", "/admin/keys", &json!({"app": fleet.client_id}));
    let key = text(&key, "key");
    let call = |node: usize| http::request(fleet.base(node), "GET", METERED, &[("X-Api-Key", &key)], "");
    let mut passed = all_at_once(|client| call(client % 2));
    assert!(passed <= 300, "{passed} calls passed");
    // What one node has leased and does not use, the other gets.
    wait_for("all of it to be spent", || {
        let answers = [call(0), call(1)];
        passed += answers.iter().map(|answer| u64::from(answer.status == 200)).sum::<u64>();
        assert!(passed <= 300, "{passed} calls passed");
        passed == 300
    });
    let sums = || fleet.admin(0, "GET", &format!("/admin/balances/{balance}"), &Value::Null);
    wait_for("the books", || sums()["spent"] == "3.00");
    let refused = call(1);
    assert_eq!((refused.status, refused.code().as_str()), (402, "balance_exhausted"));
    assert_eq!(sums()["left"], "0.00");
    drop(fleet);
}
