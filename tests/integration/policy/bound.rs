//! Where a route says that requests name their merchant, and the last condition that it has, are checked when it loads.

use super::broken::{changed, check, messages, report};

const ORDERS: &str = "routes/orders.yaml";

#[test]
fn where_a_request_names_its_merchant_makes_sense_or_is_told() {
    let merchant = "      merchant: true\n";
    for (binding, message, help) in [
        ("{path: merchant}", "the path has no parameter merchant", Some("/api/merchants/{merchant}/orders")),
        ("{query: a, body: b}", "in one place", Some("{query: NAME}")),
        ("{}", "must not be empty", Some("body, path, query")),
        ("{querry: a}", "there is no key querry", Some("did you mean query?")),
        ("{query: \"a b\"}", "is no name of a parameter", Some("merchant_id")),
        ("{query: \"a[]\"}", "is no name of a parameter", None),
        ("{body: seller..id}", "is no member of a body", Some("seller.id")),
        ("{body: a.b.c.d.e.f.g.h.i}", "is no member of a body", None),
        ("somewhere", "true or false or a map", None),
    ] {
        check(ORDERS, merchant, &format!("      merchant: {binding}\n"), message, help);
    }
    let read = |binding: &str| format!("      scopes: [order:read]\n      merchant: {binding}\n");
    check(ORDERS, &read("true"), &read("{body: seller.id}"), "GET has no body", Some("in the query"));
    let place = |path: &str, max_body: &str, binding: &str| {
        format!(
            "    path: {path}\n    upstream: order\n    rewrite: /orders\n    # What the order system takes: a longer body is \
             refused before it gets there.\n    max_body: {max_body}\n    access:\n      scopes: [order:write]\n      merchant: {binding}\n"
        )
    };
    let from = place("/api/orders", "256KiB", "true");
    let long = place("/api/orders", "2MiB", "{body: seller.id}");
    check(ORDERS, &from, &long, "bodies of up to 1MiB", Some("64KiB"));
    let rest = place("/api/shops/{*rest}", "256KiB", "{path: rest}");
    check(ORDERS, &from, &rest, "rest is the rest of the path", None);
    let other = place("/api/{shop}/orders", "256KiB", "{path: merchant}");
    check(ORDERS, &from, &other, "no parameter merchant", Some("it has: shop"));
}

#[test]
fn what_a_condition_reads_and_says_makes_sense_or_is_told() {
    let from = "      merchant: true\n    durable";
    for (condition, message, help) in [
        ("{if: \"request.headers['x-a'] == 'b'\"}", "request.headers has no field x-a", None),
        ("{if: \"request.headers['x-a'] == 'b'\", headers: [x-b]}", "no field x-a", Some("x-b")),
        ("{headers: [X-A]}", "the key if is missing", None),
        ("{if: request.method}", "this gives a text, not true or false", None),
        ("{if: \"true\", headers: [Authorization]}", "proves who calls", None),
        ("{if: \"true\", headers: [cookie]}", "proves who calls", None),
        ("{if: \"true\", headers: [X-Tollgate-App]}", "ends at the gateway", Some("principal")),
        ("{if: \"true\", headers: [X-Real-IP]}", "ends at the gateway", Some("source")),
        ("{if: \"true\", headers: [X-Original-URL]}", "ends at the gateway", None),
        ("{if: \"true\", headers: [X-Rewrite-URL]}", "ends at the gateway", None),
        ("{if: \"true\", headers: [X-HTTP-Method-Override]}", "ends at the gateway", None),
        ("{if: \"true\", headers: [Forwarded]}", "ends at the gateway", None),
        ("{if: \"true\", headers: [X_Client_Cert]}", "ends at the gateway", None),
        ("{if: \"true\", headers: [x-a, X-A]}", "is in this list twice", None),
        ("{if: \"true\", headers: [\"x a\"]}", "is no name of a header field", None),
        ("{if: \"true\", mesage: a}", "there is no key mesage", Some("did you mean message?")),
        ("{if: \"true\", message: \"\"}", "one line of 1 to 300 characters", None),
    ] {
        check(
            ORDERS,
            from,
            &format!("      merchant: true\n      condition: {condition}\n    durable"),
            message,
            help,
        );
    }
}

#[test]
fn a_network_that_is_none_or_that_an_address_is_compared_with_is_told() {
    let from = "      merchant: true\n    durable";
    let function = Some("write source.address.in_network('10.0.0.0/8')");
    let usage = Some("write source.address.in_network('192.0.2.0/24'), or with a list of networks");
    for (condition, message, help) in [
        ("source.address in ['10.0.0.0/8']", "in its shortest form, and never \"10.0.0.0/8\"", function),
        ("\"!(source.address in ['192.0.2.7', '10.0.0.0/8'])\"", "and never \"10.0.0.0/8\"", function),
        ("source.address.startsWith('10.')", "asked in which network it is, or compared", usage),
        ("string(source.address) != '10.0.0.0/8'", "asked in which network it is, or compared", usage),
        ("source.address.in_network('10.0.0.0/33')", "is no network of addresses", None),
        ("source.address.in_network(['10.0.0.0/8', '10.0.0.1/8'])", "the network is 10.0.0.0/8", None),
        ("source.address.in_network(request.path)", "its networks as they are", Some("'192.0.2.0/24'")),
        ("source.address.in_netwrk('::/0')", "no function in_netwrk", Some("did you mean in_network?")),
    ] {
        let to = format!("      merchant: true\n      condition: {condition}\n    durable");
        check(ORDERS, from, &to, message, help);
    }
}

#[test]
fn where_a_route_may_be_called_from_makes_sense_or_is_told() {
    let from = "      merchant: true\n    durable";
    let to = |addresses: &str| format!("      merchant: true\n      addresses: {addresses}\n    durable");
    for (addresses, message, help) in [
        ("[10.0.0.0/8, 10.0.0.1/8]", "the network is 10.0.0.0/8", None),
        ("[10.0.0.0/33]", "is no network of addresses such as 192.0.2.0/24", None),
        ("[10.0.0.0/8, '::ffff:10.0.0.0/104']", "10.0.0.0/8 is in this list twice", None),
        ("[10.1]", "\"10.1\" is no network of addresses", None),
        ("[]", "this list must not be empty", None),
        ("10.0.0.0/8", "this should be a list", None),
    ] {
        check(ORDERS, from, &to(addresses), message, help);
    }
    let many: Vec<_> = (0..65).map(|number| format!("192.0.2.{number}")).collect();
    let told = report(&changed(ORDERS, from, &to(&format!("[{}]", many.join(", ")))));
    assert_eq!(messages(&told), ["this list has more than 64 entries"], "{told}");
}
