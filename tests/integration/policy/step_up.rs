//! What a route asks of its merchants' logins is checked when it loads.

use super::broken::check;

#[test]
fn what_a_route_asks_of_a_login_makes_sense_or_is_told() {
    let merchant = "      merchant: true\n";
    for (authentication, message, help) in [
        ("{}", "this asks for nothing", Some("max_age: 15m")),
        ("{max_age: 1500ms}", "whole seconds", Some("15m")),
        ("{max_age: 500d}", "not a span of time", Some("5m")),
    ] {
        let to = format!("{merchant}      authentication: {authentication}\n");
        check("routes/orders.yaml", merchant, &to, message, help);
    }
    let alone = "      authentication: {max_age: 15m}\n";
    check("routes/orders.yaml", merchant, alone, "this route asks for none", Some("merchant: true"));
}
