//! The `login` section of `platform.yaml`: what is wrong with it is told.

use tollgate::policy::load::{Values, load_source};
use tollgate::policy::login::Linking;

use super::broken::changed;

struct Secret;

impl Values for Secret {
    fn value(&self, name: &str) -> Option<String> {
        (name == "SECRET").then(|| "hidden".to_owned())
    }
}

const LAST: &str = "  code_lifetime: 60s\n";

/// The section with one field replaced or added.
fn section(field: &str, value: &str) -> String {
    let fields = [
        ("issuer", "https://login.example.com"),
        ("client_id", "gateway"),
        ("client_secret", "\"${env:SECRET}\""),
        ("label", "{en: Company account, zh: 企业账号}"),
    ];
    let mut text = format!("{LAST}  login:\n    provider:\n");
    let others = fields.iter().filter(|(name, _)| *name != field);
    for (name, value) in others.chain([&(field, value)]) {
        text.push_str(&format!("      {name}: {value}\n"));
    }
    text
}

#[test]
fn what_is_wrong_with_a_provider_is_told_and_no_secret_stands_in_a_file() {
    for (field, value, message) in [
        ("issuer", "http://login.example.com", "beyond this machine it begins with https://"),
        ("issuer", "https://login.example.com?x=1", "an issuer has no query"),
        ("client_id", "\"\"", "gives nothing"),
        ("client_secret", "s3cr3t", "a secret never stands in a policy file"),
        ("client_secret", "\"${env:NONE}\"", "the variable NONE is not set"),
        ("scopes", "[\"a b\"]", "is not a scope"),
        ("label", "{en: Company account}", "zh"),
        ("label", "{en: \"\", zh: 企业账号}", "merchants see this"),
        ("link_by", "{claim: nonce}", "is no claim that names a merchant"),
        ("link_by", "{create: true}", "claim"),
        ("isuer", "x", "there is no key isuer here"),
    ] {
        let source = changed("platform.yaml", LAST, &section(field, value));
        let report = load_source(&source, &Secret).map(|_| ()).expect_err(value);
        let text = report.to_string();
        assert!(
            text.contains(message) && text.contains("platform.yaml") && !text.contains("hidden"),
            "{report}"
        );
    }
    let source = changed("platform.yaml", LAST, &format!("{LAST}  login: {{password: false}}\n"));
    let report = load_source(&source, &Secret).map(|_| ()).expect_err("nobody could log in");
    assert!(report.to_string().contains("nobody could log in"), "{report}");
}

#[test]
fn a_provider_is_read_with_its_secret_and_an_administrator_links_unless_it_says_otherwise() {
    let source = changed("platform.yaml", LAST, &section("scopes", "[email]"));
    let login = load_source(&source, &Secret).unwrap_or_else(|report| panic!("{report}")).platform.login;
    let provider = login.provider.unwrap();
    assert!(login.by_password);
    assert_eq!((provider.secret(), &provider.linking), ("hidden", &Linking::ByAdministrator));
    assert!(!format!("{provider:?}").contains("hidden"));
    let source = changed("platform.yaml", LAST, &section("link_by", "{claim: email}"));
    let provider = load_source(&source, &Secret).unwrap().platform.login.provider.unwrap();
    assert_eq!(provider.linking, Linking::ByClaim { claim: "email".to_owned(), creates: false });
}
