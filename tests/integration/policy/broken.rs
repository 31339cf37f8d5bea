//! What is wrong in a policy set is told all at once, each with its place.

use std::path::Path;

use proptest::prelude::*;
use tollgate::policy::diagnostic::Report;
use tollgate::policy::load::{LoadError, NoValues, load, load_source};
use tollgate::policy::source::Source;

fn shipped() -> Source {
    Source::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")).unwrap()
}

/// The shipped set with `from` replaced by `to` in a file.
fn changed(file: &str, from: &str, to: &str) -> Source {
    let mut source = shipped();
    let found = source.files.iter_mut().find(|candidate| &*candidate.path == file).unwrap();
    let text = found.text.clone().unwrap();
    assert!(text.contains(from), "{file} has no {from:?}");
    found.text = Ok(text.replacen(from, to, 1));
    source
}

fn report(source: &Source) -> Report {
    load_source(source, &NoValues).map(|_| ()).expect_err("the set is not wrong")
}

#[track_caller]
fn check(file: &str, from: &str, to: &str, message: &str, help: Option<&str>) {
    let report = report(&changed(file, from, to));
    let found = report.diagnostics.iter().find(|diagnostic| diagnostic.message.contains(message));
    let found = found.unwrap_or_else(|| panic!("no {message:?} in:\n{report}"));
    assert_eq!(&*found.location.file, file, "{report}");
    let source_line = shipped_line_with(file, from, to);
    assert!(found.source_line.contains(source_line.trim()), "{:?} is not {source_line:?}", found.source_line);
    if let Some(help) = help {
        assert!(found.help.as_deref().unwrap_or_default().contains(help), "{report}");
    }
    assert!(report.to_string().contains(&format!("{file}:{}", found.location.line)), "{report}");
}

fn shipped_line_with(file: &str, from: &str, to: &str) -> String {
    let source = changed(file, from, to);
    let text = source.files.iter().find(|candidate| &*candidate.path == file).unwrap().text.clone().unwrap();
    let at = text.find(to).unwrap();
    text[at..].lines().next().unwrap_or_default().to_owned()
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
    check(orders, "kind: sale", "kind: sail", "is not one of", Some("did you mean sale?"));
    check(orders, "durable: true", "durable: yes", "true or false", None);
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
    check(standard, "percent: 2.5", "percent: 250", "from 0 to 100", None);
    check(standard, "currency: CNY", "currency: RMB", "ISO 4217", None);
    check(standard, "burst: 2000", "burst: 0", "at least 1", None);
    check(standard, "per_unit: 0.01", "per_unit: -0.01", "from 0", None);
    check(
        "products.yaml",
        "- place-order",
        "- plaice-order",
        "there is no route plaice-order",
        Some("place-order"),
    );
    check("upstreams.yaml", "127.0.0.1:9101", "nowhere", "is not host:port", None);
    check("platform.yaml", "time_zone: Asia/Shanghai", "time_zone: Asia/Shangri-La", "time zone", None);
    check("platform.yaml", "code_lifetime: 60s", "code_lifetime: 1h", "at most 10m", None);
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

#[test]
fn what_is_no_yaml_is_told_with_its_line() {
    let report = report(&changed("scopes.yaml", "  order:read:\n", "  order:read: [\n"));
    assert_eq!(&*report.diagnostics[0].location.file, "scopes.yaml");
    assert!(report.diagnostics[0].location.line > 1, "{report}");
}

#[test]
fn files_that_cannot_be_policies_are_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("platform.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    std::fs::write(folder.path().join("scopes.yaml"), vec![b'#'; 10 << 20]).unwrap();
    std::fs::write(folder.path().join("other.yaml"), "a: 1").unwrap();
    let Err(LoadError::Invalid(report)) = load(folder.path(), &NoValues) else { panic!("it loaded") };
    let text = report.to_string();
    for expected in ["not UTF-8", "may have 4194304", "no such file", "no file upstreams.yaml"] {
        assert!(text.contains(expected), "no {expected:?} in:\n{text}");
    }
    assert!(matches!(load(&folder.path().join("none"), &NoValues), Err(LoadError::Unreadable(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_in_a_file_gives_a_report_and_no_panic(text in "[-a-z0-9:.{}\\[\\]&*#\"'/ \n]{0,200}", place: prop::sample::Index) {
        let mut source = shipped();
        let place = place.index(source.files.len());
        source.files[place].text = Ok(text);
        let _ = load_source(&source, &NoValues).map(|_| ());
    }
}
