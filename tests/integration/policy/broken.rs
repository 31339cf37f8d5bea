//! What is wrong in a policy set is told all at once, each with its place.

use std::path::Path;

use proptest::prelude::*;
use tollgate::policy::diagnostic::Report;
use tollgate::policy::load::{LoadError, NoValues, load, load_source};
use tollgate::policy::source::Source;

pub(super) fn shipped() -> Source {
    Source::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")).unwrap()
}

/// The shipped set with `from` replaced by `to` in a file.
pub(super) fn changed(file: &str, from: &str, to: &str) -> Source {
    let mut source = shipped();
    let found = source.files.iter_mut().find(|candidate| &*candidate.path == file).unwrap();
    let text = found.text.clone().unwrap();
    assert!(text.contains(from), "{file} has no {from:?}");
    found.text = Ok(text.replacen(from, to, 1));
    source
}

pub(super) fn report(source: &Source) -> Report {
    load_source(source, &NoValues).map(|_| ()).expect_err("the set is not wrong")
}

#[track_caller]
pub(super) fn check(file: &str, from: &str, to: &str, message: &str, help: Option<&str>) {
    let report = report(&changed(file, from, to));
    let [found] = report.diagnostics.as_slice() else { panic!("not {message:?} alone in:\n{report}") };
    assert!(found.message.contains(message), "no {message:?} in:\n{report}");
    assert_eq!(&*found.location.file, file, "{report}");
    let at: String = found.source_line.chars().skip(found.source_column as usize - 1).collect();
    let word = at.split([' ', ',', '}', ']', ')']).next().unwrap_or_default();
    assert!(
        !word.is_empty() && (to.contains(word) || word.contains(to)),
        "{word:?} is not in {to:?}:\n{report}"
    );
    assert!(
        to.lines().any(|line| found.source_line.contains(line.trim())),
        "{:?} is not a line of {to:?}",
        found.source_line
    );
    if let Some(help) = help {
        assert!(found.help.as_deref().unwrap_or_default().contains(help), "{report}");
    }
    assert!(report.to_string().contains(&format!("{file}:{}", found.location.line)), "{report}");
}

#[test]
fn each_mistake_is_told_with_its_line_and_what_would_be_right() {
    let orders = "routes/orders.yaml";
    check(
        orders,
        "upstream: order\n",
        "upstream: orders\n",
        "there is no upstream orders",
        Some("did you mean order?"),
    );
    check(
        orders,
        "upstream: order\n",
        "upsteam: order\n",
        "there is no key upsteam here",
        Some("did you mean upstream?"),
    );
    check(orders, "methods: [POST]", "methods: [POST, POST]", "is in this list twice", None);
    let upstream = "upstream: order\n";
    let fields = |text: &str| format!("upstream: order\n    set_headers: {{{text}}}\n");
    for (text, message) in [
        ("Expect: a", "is set by the gateway itself"),
        ("X-ToLLgate-App: a", "is set by the gateway itself"),
        ("X-A: a, x-a: b", "is set twice"),
        ("X-A: \"${env:NONE}\"", "the variable NONE is not set"),
        ("X-A: \"${secret}\"", "is not known here"),
    ] {
        check(orders, upstream, &fields(text), message, None);
    }
    check(
        orders,
        upstream,
        "upstream: order\n    hosts: [a.example.]\n",
        "is not a host name",
        Some("point"),
    );
    check(orders, "max_body: 256KiB", "max_body: ${env:X}", "has the wrong form", None);
    check(
        orders,
        "    durable: true\n    meter:\n",
        "    durable: true\n    meter:\n      max_capture: 0\n",
        "of which nothing would be captured",
        None,
    );
    check(
        orders,
        "      merchant: true\n    durable",
        "      merchant: true\n      address_limit: {requests: 1, window: 1s}\n    durable",
        "only an anonymous route is limited by address",
        None,
    );
    check(
        "routes/catalog.yaml",
        "    meter: {}\n\n  - name: get-product",
        "    meter: {}\n    durable: true\n\n  - name: get-product",
        "no app in whose books",
        None,
    );
    check("routes/payments.yaml", "path: /api/payments\n", "path: /api/{{x}}\n", "is not a path", None);
    check(orders, "methods: [POST]", "methods: [post]", "methods are in upper case", Some("POST"));
    check(orders, "scopes: [order:write]", "scopes: [order:wirte]", "there is no scope", Some("order:write"));
    check(orders, "rewrite: /orders/{id}\n", "rewrite: /orders/{no}\n", "the path has no parameter no", None);
    check(
        orders,
        "amount: response.body.total_amount",
        "amount: respose.body.x",
        "there is no variable respose",
        Some("response"),
    );
    let amount = "amount: response.body.total_amount";
    check(orders, amount, "amount: response.status == 201", "gives true or false, not a text such as", None);
    check(
        orders,
        amount,
        "amount: response.body.total_amount.round()",
        "no function round",
        Some("there are"),
    );
    check(orders, amount, "amount: request.params.order_id", "request.params has no field order_id", None);
    check(
        orders,
        "      merchant: true\n    durable",
        "      merchant: true\n      condition: request.method\n    durable",
        "this gives a text, not true or false",
        None,
    );
    check(orders, "kind: sale", "kind: sail", "is not one of", Some("did you mean sale?"));
    check(orders, "durable: true", "durable: yes", "true or false", None);
    check(orders, "max_body: 256KiB", "max_body: 999999999999GiB", "not a size", None);
    check(orders, "path: /api/orders\n", "path: /api/%6frders\n", "is not a path", None);
    check(orders, "path: /api/orders\n", "path: /api/./orders\n", "is not a path", None);
    check(orders, "path: /api/orders\n", "path: /api/{id\n", "is not a path pattern", None);
    check(orders, "rewrite: /orders\n", "rewrite: /orders?a=b\n", "is not a path", None);
    check(
        orders,
        "upstream: order\n",
        "upstream: order\n    hosts: [\"a.example:80\"]\n",
        "is not a host name",
        None,
    );
    check(
        orders,
        "upstream: order\n",
        "upstream: order\n    hosts: [\"*.example\"]\n",
        "is not a host name",
        None,
    );
    check(
        orders,
        "upstream: order\n",
        "upstream: order\n    set_headers: {Transfer_ENCODING: chunked}\n",
        "is set by the gateway itself",
        Some("may take it for transfer-encoding"),
    );
    check(orders, "path: /api/orders\n", "path: /oauth/token\n", "is served by the gateway itself", None);
    let standard = "plans/standard.yaml";
    check(
        standard,
        "products: [storefront]",
        "products: [store]",
        "there is no API product store",
        Some("storefront"),
    );
    check(standard, "window: 1m", "window: 1 minute", "has the wrong form", Some("10s"));
    check(standard, "window: 1m", "window: 60", "this should be text", Some("with its unit: 60s"));
    check(standard, "window: 1m", "window: 0s", "must be longer than zero", Some("10s"));
    check(standard, "percent: 2.5", "percent: 250", "from 0 to 100", None);
    check(standard, "currency: CNY", "currency: RMB", "ISO 4217", None);
    check(standard, "burst: 2000", "burst: 0", "at least 1", None);
    let rate = "requests: 60000, window: 1m, burst: 2000";
    check(standard, rate, "requests: 1, window: 30d, burst: 10000", "100 years", Some("1216 at most"));
    check(standard, rate, "requests: 600000000, window: 1s, burst: 2000", "within 1 %", Some("100ns"));
    check(standard, "percent: 2.5", "percent: 0x2", "has the wrong form", Some("exact decimal"));
    check(standard, "requests: 60000", "requests: 5000000000", "at most 1000000000", None);
    check(standard, "version: 1\n", "version: 5000000000\n", "at most 1000000", None);
    check(standard, "version: 1\n", "version: one\n", "a whole number", None);
    check(standard, "per_unit: 0.01", "per_unit: -0.01", "from 0", None);
    check(
        standard,
        "per_unit: 0.01",
        "per_unit: 0.0000000000001",
        "has the wrong form",
        Some("exact decimal"),
    );
    check(standard, "per_unit: 0.01", "per_unit: 1e-2", "has the wrong form", Some("exact decimal"));
    check(standard, "per_unit: 0.01", "per_unit: .inf", "finite", None);
    check(standard, "effective_from: 2026-01-01T00:00:00Z", "effective_from: 2026-01-01", "RFC 3339", None);
    check(standard, "products: [storefront]", "products: []", "must not be empty", None);
    check(
        "plans/starter.yaml",
        "plan: starter",
        "plan: standard",
        "plan standard already",
        Some("plans/standard.yaml:"),
    );
    check(
        "products.yaml",
        "- place-order",
        "- plaice-order",
        "there is no route plaice-order",
        Some("place-order"),
    );
    let upstreams = "upstreams.yaml";
    check(upstreams, "127.0.0.1:9101", "nowhere", "does not give host:port", None);
    let from_variable = "${env:TOLLGATE_UPSTREAM_ORDER:-127.0.0.1:9102}";
    check(upstreams, from_variable, "http://order:80", "does not give host:port", Some("without http://"));
    let nowhere = "upstreams:\n  no where:\n    endpoints: [\"a:1\"]\n";
    check(upstreams, "upstreams:\n", nowhere, "visible ASCII", None);
    check("scopes.yaml", "scopes:\n", "scopes:\n  no one:\n    en: a\n    zh: a\n", "scope", None);
    check("scopes.yaml", "scopes:\n", "scope:\n", "there is no key scope here", Some("did you mean scopes?"));
    check("platform.yaml", "name: Demo Platform", "name: ' '", "pages that merchants see", None);
    check(
        "platform.yaml",
        "name: Demo Platform",
        "name: ${env:NAME}",
        "is not replaced here",
        Some("endpoints"),
    );
    check("platform.yaml", "access_token_lifetime: 1h", "access_token_lifetime: 500ms", "at least 1s", None);
    check(upstreams, "127.0.0.1:9101", "::1:80", "does not give host:port", None);
    check(upstreams, "env:TOLLGATE_UPSTREAM_ORDER:-127.0.0.1:9102", "env:NONE", "NONE is not set", None);
    check(
        upstreams,
        "env:TOLLGATE_UPSTREAM_ORDER:-127.0.0.1:9102",
        "file:/none",
        "/none cannot be read",
        None,
    );
    check(upstreams, "env:TOLLGATE_UPSTREAM_ORDER:-127.0.0.1:9102", "vault:x", "is not known here", Some(""));
    check("products.yaml", "- place-order", "- place-order\n      - place-order", "in this list twice", None);
    check("platform.yaml", "name: Demo Platform", "name: 5", "this should be text", Some("in quotes"));
    check("platform.yaml", "time_zone: Asia/Shanghai", "time_zone: Asia/Shangri-La", "time zone", None);
    check("platform.yaml", "code_lifetime: 60s", "code_lifetime: 1h", "at most 10m", None);
    for life in ["25h", "999ms"] {
        let to = format!("access_token_lifetime: {life}");
        check("platform.yaml", "access_token_lifetime: 1h", &to, "at most 24h", Some("refresh token"));
    }
}

#[test]
fn a_billable_product_with_an_unmetered_route_does_not_load() {
    let report = report(&changed("routes/logistics.yaml", "    meter: {}\n", ""));
    assert!(report.diagnostics[0].message.contains("its route track-order has no meter"), "{report}");
}

#[test]
fn mistakes_in_several_files_are_told_at_once() {
    let mut source = changed("routes/orders.yaml", "upstream: order\n", "upstream: nowhere\n");
    let other = changed("plans/standard.yaml", "currency: CNY", "currency: XXY");
    let plan = other.files.into_iter().find(|file| &*file.path == "plans/standard.yaml").unwrap();
    let slot = source.files.iter_mut().find(|file| file.path == plan.path).unwrap();
    *slot = plan;
    let report = report(&source);
    let files: Vec<&str> = report.diagnostics.iter().map(|diagnostic| &*diagnostic.location.file).collect();
    assert_eq!(files, ["plans/standard.yaml", "routes/orders.yaml"], "{report}");
}

/// Puts the changed file of `other` into `source`.
fn with(mut source: Source, other: Source, file: &str) -> Source {
    let changed = other.files.into_iter().find(|candidate| &*candidate.path == file).unwrap();
    let slot = source.files.iter_mut().find(|candidate| &*candidate.path == file).unwrap();
    *slot = changed;
    source
}

pub(super) fn messages(report: &Report) -> Vec<&str> {
    report.diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect()
}

#[test]
fn a_wrong_shape_hides_no_wrong_meaning_and_no_mistake_is_told_twice() {
    let source = changed("routes/orders.yaml", "durable: true", "durrable: true");
    let source =
        with(source, changed("plans/standard.yaml", "currency: CNY", "currency: XXY"), "plans/standard.yaml");
    let source = with(source, changed("scopes.yaml", "  order:read:\n", "  order:read: [\n"), "scopes.yaml");
    let source = with(
        source,
        changed("upstreams.yaml", "  catalog:\n", "  catalog:\n    port: 1\n"),
        "upstreams.yaml",
    );
    let source = with(source, changed("products.yaml", "- place-order", "- place-odrer"), "products.yaml");
    let report = report(&source);
    let files: Vec<&str> = report.diagnostics.iter().map(|diagnostic| &*diagnostic.location.file).collect();
    // No scope is called unknown, for which there are cannot be known; no route unreachable, for one that is misspelt
    // may be meant.
    assert_eq!(
        files,
        ["plans/standard.yaml", "products.yaml", "routes/orders.yaml", "scopes.yaml", "upstreams.yaml"],
        "{report}"
    );
}

#[test]
fn a_route_that_is_wrong_itself_is_not_called_missing() {
    let report = report(&changed("routes/orders.yaml", "upstream: order\n", "upstream: 5\n"));
    assert_eq!(messages(&report), ["this should be text"], "{report}");
}

#[test]
fn routes_that_match_the_same_paths_are_named_with_both_places() {
    let report = report(&changed(
        "routes/orders.yaml",
        "path: /api/orders/{id}\n    upstream: order\n    rewrite: /orders/{id}",
        "path: /api/payments/{payment}\n    upstream: order\n    rewrite: /orders/{payment}",
    ));
    let message = messages(&report)[0];
    assert!(message.contains("/api/payments/{"), "{message}");
    assert!(
        message.contains("routes/orders.yaml:") || message.contains("routes/payments.yaml:"),
        "{message}"
    );
}

#[test]
fn what_is_no_yaml_is_told_with_its_line() {
    let report = report(&changed("scopes.yaml", "  order:read:\n", "  order:read: [\n"));
    assert_eq!(&*report.diagnostics[0].location.file, "scopes.yaml");
    assert!(report.diagnostics[0].location.line > 1, "{report}");
}

#[test]
fn a_key_that_stands_twice_is_told_with_its_line() {
    let report = report(&changed("scopes.yaml", "  order:read:\n", "  catalog:read:\n"));
    assert!(report.diagnostics[0].location.line > 8, "{report}");
    assert!(report.to_string().contains("catalog:read"), "{report}");
}

#[test]
fn a_file_of_thousands_of_mistakes_gives_a_report_that_can_be_read() {
    let mut source = shipped();
    let long = "x".repeat(100_000);
    let text: String = (0..5_000).map(|number| format!("k{number}: [{long}\n")).take(20).collect();
    let keys: String = (0..5_000).map(|number| format!("k{number}: 1\n")).collect();
    for text in [text, keys, format!("name: {{{long}: [{long}"), format!("scopes: {{ {long}é: 1 }}")] {
        source.files[0].text = Ok(text);
        let report = report(&source);
        assert!(report.diagnostics.len() <= 200 && report.to_string().len() < 200_000);
    }
}

#[test]
fn files_that_cannot_be_policies_are_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("platform.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    std::fs::write(folder.path().join("scopes.yaml"), vec![b'#'; 10 << 20]).unwrap();
    std::fs::write(folder.path().join("other.yaml"), "a: 1").unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("products.yaml")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("plans")).unwrap();
    let Err(LoadError::Invalid(report)) = load(folder.path(), &NoValues) else { panic!("it loaded") };
    let text = report.to_string();
    let expected =
        ["not UTF-8", "4194304 bytes", "no such file", "no file upstreams.yaml", "this is not a file"];
    for expected in expected {
        assert!(text.contains(expected), "no {expected:?} in:\n{text}");
    }
    std::fs::write(folder.path().join("platform.yaml"), b"name: a\n\nb: \xff\n").unwrap();
    let Err(LoadError::Invalid(report)) = load(folder.path(), &NoValues) else { panic!("it loaded") };
    assert!(report.to_string().contains("platform.yaml:3:"), "{report}");
    assert!(matches!(load(&folder.path().join("none"), &NoValues), Err(LoadError::Unreadable(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_in_a_file_gives_a_report_and_no_panic(text in "[-a-z0-9:.{}\\[\\]&*#\"'/ \n]{0,200}|\\PC{0,100}", place: prop::sample::Index) {
        let mut source = shipped();
        let place = place.index(source.files.len());
        source.files[place].text = Ok(text);
        let _ = load_source(&source, &NoValues).map(|_| ());
    }

    #[test]
    fn a_shipped_file_with_a_piece_replaced_gives_a_report_or_a_snapshot(
        place: prop::sample::Index,
        from: prop::sample::Index,
        length in 0_usize..40,
        piece in "[-a-z0-9:.{}\\[\\]&*#\"'/$%~ \n]{0,20}|\\PC{0,10}",
    ) {
        let mut source = shipped();
        let place = place.index(source.files.len());
        let mut text: Vec<char> = source.files[place].text.clone().unwrap().chars().collect();
        let from = from.index(text.len());
        text.splice(from..(from + length).min(text.len()), piece.chars());
        source.files[place].text = Ok(text.into_iter().collect());
        if let Err(report) = load_source(&source, &NoValues) {
            prop_assert!(!report.diagnostics.is_empty());
            prop_assert!(!report.to_string().is_empty());
        }
    }
}
