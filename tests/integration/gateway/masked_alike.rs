//! Masked answers that are like those before them.

use super::masked::change;
use crate::support::dev::Dev;
use crate::support::origin::{Origin, point};

fn orders(id: &str, name: &str, phone: &str) -> String {
    let order = format!(r#"{{"id":{id},"receiver":{{"name":"{name}","phone":"{phone}"}}}}"#);
    format!("[{order},{order}]")
}

#[test]
fn each_caller_gets_what_its_scopes_let_through_by_the_policies_in_force() {
    let body = orders("1", "Li Lei", "138");
    let origin = Origin::start(move |stream, _| {
        use std::io::Write;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
        let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    });
    // One core has all calls.
    let dev = Dev::with_options(&["--workers", "1"], |policies| {
        point(policies, "catalog", &origin.address);
        change(policies, "catalog", "  - name: list-products\n", |name| {
            let names = "{fields: [receiver.name], scope: order:pii}";
            format!("{name}    mask: [{names}, {{fields: [receiver.phone], scope: catalog:write}}]\n")
        });
    });
    let reads_names = [("X-Api-Key", dev.told("/app/api_key"))];
    let reads_phones = [("X-Api-Key", dev.told("/other_app/api_key"))];
    let get = |headers: &[(&str, &str)]| dev.get("/api/products", headers).text();
    for _ in 0..3 {
        assert_eq!(get(&[]), orders("1", "***", "***"));
        assert_eq!(get(&reads_names), orders("1", "Li Lei", "***"));
        assert_eq!(get(&reads_phones), orders("1", "***", "138"));
    }
    change(&dev.policies(), "catalog", "fields: [receiver.name]", |_| "fields: [id]".to_owned());
    assert_eq!(dev.admin("POST", "/admin/policy/reload", "{}").status, 200);
    for _ in 0..3 {
        assert_eq!(get(&[]), orders("\"***\"", "Li Lei", "***"));
        assert_eq!(get(&reads_names), orders("1", "Li Lei", "***"));
        assert_eq!(get(&reads_phones), orders("\"***\"", "Li Lei", "138"));
    }
}
