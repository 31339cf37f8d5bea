//! `tollgate dev` and `tollgate sandbox` as scripts use them: JSON alone on standard output, and an orderly end.

use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::tollgate;
use crate::support::dev::Dev;
use crate::support::folder;
use crate::support::http;

/// Reads one JSON value from the program's standard output, which stays open.
fn told(program: &mut Child) -> Value {
    let out = program.stdout.take().unwrap();
    let value = serde_json::Deserializer::from_reader(out).into_iter().next().unwrap();
    value.unwrap()
}

fn terminate(mut program: Child) -> Option<i32> {
    let id = program.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    program.wait().unwrap().code()
}

fn start(arguments: &[&str]) -> Child {
    let mut command = tollgate(&[arguments, &["--output", "json"]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn the_sandbox_tells_its_addresses_as_json_and_ends_in_order() {
    let mut sandbox = start(&["sandbox", "--port", "0"]);
    let told = told(&mut sandbox);
    let catalog = told["catalog"].as_str().unwrap();
    assert_eq!(http::request(catalog, "GET", "/products", &[], "").status, 200);
    assert_eq!(terminate(sandbox), Some(0));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let run = super::run(&["sandbox", "--port", &port.to_string()]);
    assert_eq!((run.status, run.out.as_str()), (1, ""));
    assert!(run.err.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{}", run.err);
}

#[test]
fn dev_tells_its_ready_object_as_json_and_takes_values_from_files() {
    let policies = folder::policies();
    let address = policies.path().join("address");
    std::fs::write(&address, "127.0.0.1:9\n").unwrap();
    let from_file = format!("${{file:{}}}", address.display());
    folder::change(
        &policies,
        "upstreams.yaml",
        "${env:TOLLGATE_UPSTREAM_LOGISTICS:-127.0.0.1:9103}",
        &from_file,
    );
    let folder = policies.path().to_str().unwrap();
    let mut dev = start(&["dev", "--port", "0", "--admin-port", "0", "--policies", folder]);
    let told = told(&mut dev);
    assert_eq!(
        http::request(told["base_url"].as_str().unwrap(), "GET", "/api/products", &[], "").status,
        200
    );
    assert!(told["admin_token"].as_str().unwrap().len() > 20);
    assert_eq!(terminate(dev), Some(0));
}

#[test]
fn dev_on_used_data_has_a_demonstration_set_that_works() {
    let dev = Dev::start();
    for path in [
        "/admin/apps/app_shop_manager/suspend",
        "/admin/partners/partner_bright/suspend",
        "/admin/merchants/mer_tea_house/suspend",
    ] {
        assert_eq!(dev.admin("POST", path, "").status, 200, "{path}");
    }
    let dev = dev.kill_and_restart();
    let key = dev.told("/app/api_key").to_owned();
    assert_eq!(dev.get("/api/products/p-1001", &[("X-Api-Key", &key)]).status, 200);
    let bearer = dev.bearer(0);
    assert_eq!(dev.order(&bearer, "p-1001").unwrap().status, 201);
}
