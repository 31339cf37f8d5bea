//! The `oauth2` section of an upstream: what is wrong with it is told, and what a secret is never.

use tollgate::policy::load::load_source;

use super::broken::changed;

#[test]
fn what_is_wrong_with_an_upstreams_token_is_told_and_no_secret_stands_in_a_file() {
    let (file, timeout) = ("upstreams.yaml", "    connect_timeout: 5s\n");
    let good = [
        ("token_url", "https://login.internal/token"),
        ("client_id", "gateway"),
        ("client_secret", "\"${file:/dev/null/none}\""),
        ("scopes", "[orders.read]"),
    ];
    let section = |field: &str, value: &str| {
        let fields = good.iter().filter(|(name, _)| *name != field).map(|(name, value)| {
            let value = if *name == "client_secret" { "\"${env:PATH_OF_NOTHING}\"" } else { value };
            format!("      {name}: {value}\n")
        });
        format!("{timeout}    oauth2:\n{}      {field}: {value}\n", fields.collect::<String>())
    };
    struct Secret;
    impl tollgate::policy::load::Values for Secret {
        fn value(&self, name: &str) -> Option<String> {
            (name == "PATH_OF_NOTHING").then(|| "hidden".to_owned())
        }
    }
    for (field, value, message) in [
        ("token_url", "http://login.internal/token", "beyond this machine it begins with https://"),
        ("token_url", "login.internal", "begins with https://"),
        ("client_id", "\"\"", "gives nothing"),
        ("client_secret", "s3cr3t", "a secret never stands in a policy file"),
        ("client_secret", "\"${env:SECRET:-s3cr3t}\"", "a secret never stands in a policy file"),
        ("client_secret", "\"x${env:SECRET}\"", "a secret never stands in a policy file"),
        ("client_secret", "\"${env:SECRET}\"", "the variable SECRET is not set"),
        ("scopes", "[\"a b\"]", "is not a scope"),
        ("scopes", "[\"${env:SECRET}\"]", "${…} is not replaced here"),
        ("client_authentication", "private_key_jwt", "client_secret_basic"),
        ("audiance", "x", "there is no key audiance here"),
    ] {
        let source = changed(file, timeout, &section(field, value));
        let report = load_source(&source, &Secret).map(|_| ()).expect_err(value);
        let text = report.to_string();
        assert!(
            text.contains(message) && text.contains(file) && !text.contains("hidden"),
            "{value}: {report}"
        );
    }
    let mut source = changed(file, timeout, &section("audience", "https://orders.internal"));
    assert!(load_source(&source, &Secret).is_ok());
    let routes = source.files.iter_mut().find(|file| &*file.path == "routes/payments.yaml").unwrap();
    let text = routes.text.clone().unwrap();
    let upstream = "    upstream: payment\n";
    let with_field = format!("{upstream}    set_headers: {{Authorization: x}}\n");
    routes.text = Ok(text.replacen(upstream, &with_field, 1));
    let report = load_source(&source, &Secret).map(|_| ()).expect_err("two Authorization fields");
    assert!(report.to_string().contains("whose token is sent as Authorization"), "{report}");
}
