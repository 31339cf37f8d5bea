//! The `issuers` section of `platform.yaml`: what is wrong with it is told with its place.

use std::time::Duration;

use tollgate::policy::issuer::TokenAlgorithm;
use tollgate::policy::load::{NoValues, Values, load_source};

use super::broken::changed;

const LAST: &str = "    nonce_at_api: false\n";

/// One issuer with a field replaced, added, or, of an empty value, left out.
fn entry(field: &str, value: &str) -> String {
    let fields = [
        ("issuer", "https://login.example"),
        ("keys", "https://login.example/jwks.json"),
        ("audience", "https://api.shop.example"),
        ("algorithms", "[RS256, ES256]"),
        ("app", "claims.client_id"),
        ("scopes", "claims.scope"),
    ];
    let (others, given) = (fields.iter().filter(|(name, _)| *name != field), (field, value));
    let all = others.chain([&given]).filter(|(_, value)| !value.is_empty());
    let lines: Vec<_> = all.map(|(name, value)| format!("{name}: {value}")).collect();
    format!("  - {}\n", lines.join("\n    "))
}

fn section(entries: &[String]) -> String {
    format!("{LAST}issuers:\n{}", entries.concat())
}

#[test]
fn what_is_wrong_with_an_issuer_is_told_with_its_place() {
    for (field, value, message) in [
        ("issuer", "http://login.example", "beyond this machine it begins with https://"),
        ("issuer", "login.example", "begins with https://"),
        ("issuer", "https://login.example?x=1", "an issuer has no query"),
        ("keys", "http://10.0.0.1/jwks", "beyond this machine it begins with https://"),
        ("keys", "", "keys"),
        ("audience", "\"\"", "gives nothing"),
        ("algorithms", "[HS256]", "RS256"),
        ("algorithms", "[none]", "RS256"),
        ("algorithms", "[]", "algorithms"),
        ("types", "[\"a b\"]", "is no media type"),
        ("types", "[]", "must not be empty"),
        ("max_lifetime", "1w", "has the wrong form"),
        ("app", "claim.azp", "there is no variable claim here"),
        ("app", "claims.azp == 'a'", "gives true or false"),
        ("app", "\"[claims.azp]\"", "gives a list"),
        ("merchant", "\"1 == 1\"", "gives true or false"),
        ("merchant", "clams.shop", "there is no variable clams here"),
        ("scopes", "size(claims.scope)", "gives a whole number"),
        ("scopes", "claims.scope.split(' ')", "there is no function split"),
        ("scope", "claims.scope", "there is no key scope here"),
    ] {
        let source = changed("platform.yaml", LAST, &section(&[entry(field, value)]));
        let report = load_source(&source, &NoValues).map(|_| ()).expect_err(value);
        assert!(report.to_string().contains(message), "{field}: {value}: {report}");
        let told = report.diagnostics.iter().find(|told| told.message.contains(message));
        let place = told.unwrap_or(&report.diagnostics[0]);
        assert!(&*place.location.file == "platform.yaml" && place.location.line > 40, "{report}");
    }
}

#[test]
fn an_issuer_stands_once() {
    let twice = section(&[entry("", ""), entry("audience", "another")]);
    let source = changed("platform.yaml", LAST, &twice);
    let report = load_source(&source, &NoValues).map(|_| ()).expect_err("twice");
    let [told] = report.diagnostics.as_slice() else { panic!("{report}") };
    assert!(told.message.contains("issuer https://login.example already"), "{report}");
    assert!(told.help.as_deref().unwrap_or_default().contains("platform.yaml:"), "{report}");
}

#[test]
fn an_issuer_is_read_with_what_is_left_out_and_what_comes_from_outside() {
    struct Outside;
    impl Values for Outside {
        fn value(&self, name: &str) -> Option<String> {
            (name == "LOGIN").then(|| "https://staging.example".to_owned())
        }
    }
    let text = section(&[entry("keys", "\"${env:LOGIN}/jwks\""), entry("issuer", "\"${env:LOGIN}\"")]);
    let source = changed("platform.yaml", LAST, &text);
    let snapshot = load_source(&source, &Outside).unwrap_or_else(|report| panic!("{report}"));
    let [first, second] = snapshot.platform.issuers.as_slice() else { panic!("not two issuers") };
    assert_eq!(first.keys.as_str(), "https://staging.example/jwks");
    assert_eq!(second.issuer.as_str(), "https://staging.example");
    assert_eq!(first.algorithms, [TokenAlgorithm::Rs256, TokenAlgorithm::Es256]);
    assert_eq!(first.types, ["at+jwt"], "no ID token");
    assert_eq!(first.max_lifetime, Duration::from_secs(24 * 3600));
    assert!(first.merchant.is_none());
    assert_ne!(first.terms(), second.terms());
    let elsewhere = section(&[entry("app", "\"'${env:LOGIN}'\"")]);
    let report =
        load_source(&changed("platform.yaml", LAST, &elsewhere), &Outside).map(|_| ()).expect_err("in CEL");
    assert!(report.to_string().contains("${…} is not replaced here"), "{report}");
    let typed = section(&[entry("types", "[application/at+jwt, JWT]\n    max_lifetime: 10m")]);
    let snapshot = load_source(&changed("platform.yaml", LAST, &typed), &NoValues)
        .unwrap_or_else(|report| panic!("{report}"));
    let [issuer] = snapshot.platform.issuers.as_slice() else { panic!("not one issuer") };
    assert_eq!(issuer.types, ["at+jwt", "jwt"]);
    assert_eq!(issuer.max_lifetime, Duration::from_secs(600));
}
