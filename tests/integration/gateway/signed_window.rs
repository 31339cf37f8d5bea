//! How old a signed request may be, as the policies say and as they come to say.

use std::path::Path;

use super::signed::{PRODUCT, World, refused};
use crate::support::dev::{Dev, wait_for};
use crate::support::dpop::now;
use crate::support::http::Answer;
use crate::support::message_signer::Unsigned;

fn set_window(policies: &Path, from: &str, to: &str) {
    let path = policies.join("platform.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = text.replace(&format!("window: {from}"), &format!("window: {to}"));
    assert_ne!(text, changed);
    std::fs::write(&path, changed).unwrap();
}

/// A gateway that takes signatures which are so old.
fn start(window: &str) -> World {
    World::over(Dev::with_policies(|policies| set_window(policies, "5m", window)))
}

/// The fields of a request that was signed so many seconds ago.
fn aged(world: &World, age: i64) -> Vec<(String, String)> {
    let url = world.url(PRODUCT);
    let get = Unsigned { method: "GET", url: &url, body: "" };
    world.signer.sign_with(get, &world.signer.parameters(age))
}

fn send(world: &World, fields: &[(String, String)]) -> Answer {
    world.send("GET", PRODUCT, fields, "")
}

#[test]
fn the_window_is_the_platforms() {
    let world = start("20s");
    assert_eq!(send(&world, &aged(&world, 10)).status, 200);
    refused(&send(&world, &aged(&world, 30)), "signature_too_old");
}

#[test]
fn a_longer_window_brings_back_nothing_that_was_too_old() {
    let world = start("10s");
    let (created, used) = (now() - 7, aged(&world, 7));
    assert_eq!(send(&world, &used).status, 200);
    refused(&send(&world, &used), "signature_replayed");
    wait_for("it to become too old", || now() > created + 11);
    refused(&send(&world, &used), "signature_too_old");
    set_window(&world.dev.policies(), "10s", "5m");
    assert_eq!(world.dev.admin("POST", "/admin/policy/reload", "").status, 200);
    refused(&send(&world, &used), "signature_too_old");
    assert_eq!(world.get(PRODUCT).status, 200);
    wait_for("what is older than before to be taken", || send(&world, &aged(&world, 11)).status == 200);
}
