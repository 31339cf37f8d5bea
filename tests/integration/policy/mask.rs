//! What routes say of personal data in their answers.

use http::HeaderName;
use tollgate::domain::scope::ScopeSet;
use tollgate::masking::fields::Rules;
use tollgate::policy::load::{NoValues, load_source};

use super::broken::{changed, check, report};

const ORDERS: &str = "routes/orders.yaml";
const FIELDS: &str = "fields: [receiver.name, receiver.phone, receiver.address]";

#[test]
fn each_mistake_of_a_mask_is_told_with_its_line_and_what_would_be_right() {
    let paths = "such as receiver.name";
    for (field, message) in [
        ("$.receiver", "$ means nothing here"),
        ("'items[].name'", "[ means nothing here"),
        ("'*'", "* means nothing here"),
        ("/receiver", "/ means nothing here"),
        ("receiver..name", "a name is missing in it"),
        ("receiver.", "a name is missing in it"),
        ("'a.**.b'", "* means nothing here"),
        ("'**.'", "a name is missing in it"),
        ("''", "a name is missing in it"),
    ] {
        let to = format!("fields: [receiver.name, {field}]");
        let report = report(&changed(ORDERS, FIELDS, &to));
        let [found] = report.diagnostics.as_slice() else { panic!("not one mistake in:\n{report}") };
        assert!(found.message.contains(message) && found.message.contains("leads to no member"), "{report}");
        assert_eq!((&*found.location.file, found.location.column), (ORDERS, 33), "{report}");
        assert!(found.help.as_deref().unwrap_or_default().contains(paths), "{report}");
    }
    check(ORDERS, FIELDS, "fields: []", "must not be empty", None);
    check(ORDERS, FIELDS, "field: [receiver]", "there is no key field here", Some("did you mean fields?"));
    check(
        ORDERS,
        "scope: order:pii",
        "scope: order:pi",
        "there is no scope order:pi",
        Some("did you mean order:pii?"),
    );
    check(
        ORDERS,
        "scope: order:pii",
        "scope: order:write",
        "whoever may call this route has order:write",
        Some("under `access`"),
    );
    check(ORDERS, FIELDS, "headers: []", "must not be empty", None);
    check(ORDERS, &format!("{FIELDS}\n        scope"), "scope", "the key fields is missing", None);
    check(ORDERS, FIELDS, "headers: [X-Receiver, 'x receiver']", "no name of a header field", None);
    check(ORDERS, FIELDS, "headers: [Content-Type]", "nothing of a person", None);
    check(ORDERS, FIELDS, "headers: [X-Receiver, x-receiver]", "x-receiver is named twice", None);
    let many: Vec<_> = (0..65).map(|number| format!("'**.a{number}'")).collect();
    let told = report(&changed(ORDERS, FIELDS, &format!("fields: [{}]", many.join(", "))));
    assert!(told.to_string().contains("can have 64 fields that begin with **"), "{told}");
    for (fields, inner, outer) in [
        ("['**.name', receiver.name]", "receiver.name", "**.name"),
        ("[receiver.name, '**.name']", "receiver.name", "**.name"),
        ("['**.receiver', '**.receiver.name']", "**.receiver.name", "**.receiver"),
    ] {
        let report = report(&changed(ORDERS, FIELDS, &format!("fields: {fields}")));
        let [found] = report.diagnostics.as_slice() else { panic!("not one mistake in:\n{report}") };
        assert_eq!(found.message, format!("{inner} is masked with {outer}"), "{report}");
    }
    for fields in ["[receiver, receiver.name]", "[receiver.name, receiver]"] {
        let to = format!("fields: {fields}");
        let report = report(&changed(ORDERS, FIELDS, &to));
        let [found] = report.diagnostics.as_slice() else { panic!("not one mistake in:\n{report}") };
        assert_eq!(found.message, "receiver.name is masked with receiver", "{report}");
    }
}

#[test]
fn a_mask_is_lifted_by_its_scope_alone() {
    let two = "fields: [receiver.name]\n        scope: order:pii\n      - fields: [receiver, id]\n        scope: payment:read";
    let source = changed(ORDERS, &format!("{FIELDS}\n        scope: order:pii"), two);
    let snapshot = load_source(&source, &NoValues).unwrap();
    let route = snapshot.routes.iter().find(|route| route.name.as_str() == "place-order").unwrap();
    let rules = |scopes: &str| route.mask.as_ref().unwrap().rules_for(&scopes.parse().unwrap());
    assert_eq!(rules("order:write"), Rules::NONE.with(0).with(1));
    assert_eq!(rules("order:pii"), Rules::NONE.with(1));
    assert_eq!(rules("payment:read"), Rules::NONE.with(0));
    assert!(rules("order:pii payment:read").is_empty());
    let withheld = |scopes: &str| {
        let scopes = scopes.parse().unwrap();
        let withheld = route.mask.as_ref().unwrap().withheld_from(&scopes);
        withheld.map(|(what, scope)| format!("{what} {scope}")).collect::<Vec<_>>()
    };
    assert_eq!(withheld("order:pii"), ["receiver payment:read", "id payment:read"]);
    assert!(withheld("order:pii payment:read").is_empty());
}

#[test]
fn header_fields_alone_leave_the_body_as_it_is() {
    let source = changed(ORDERS, FIELDS, "headers: [X-Receiver, Location]");
    let snapshot = load_source(&source, &NoValues).unwrap();
    let route = snapshot.routes.iter().find(|route| route.name.as_str() == "place-order").unwrap();
    let (mask, none, all) = (route.mask.as_ref().unwrap(), ScopeSet::none(), "order:pii".parse().unwrap());
    assert!(mask.rules_for(&none).is_empty() && mask.has_headers());
    for (name, is_withheld) in [("x-receiver", true), ("location", true), ("x-other", false)] {
        let name = HeaderName::from_static(name);
        assert_eq!(mask.withholds_header(&name, &none), is_withheld, "{name}");
        assert!(!mask.withholds_header(&name, &all));
    }
}
