//! What a set must have, and what of it comes from outside.

use tollgate::policy::load::{NoValues, Values, load_source};

use tollgate::policy::source::{Kind, SourceFile};

use super::broken::{changed, messages, report, shipped};

fn file(path: &str, text: String) -> SourceFile {
    SourceFile { path: path.into(), kind: Kind::of(path), text: Ok(text) }
}

#[test]
fn a_set_without_routes_or_plans_is_no_set() {
    for (folder, message) in [("routes/", "no file routes/*.yaml"), ("plans/", "no file plans/*.yaml")] {
        let mut source = shipped();
        source.files.retain(|file| !file.path.starts_with(folder));
        assert_eq!(messages(&report(&source)).len(), 1, "{}", report(&source));
        assert!(messages(&report(&source))[0].contains(message), "{}", report(&source));
    }
}

/// Values from outside, as variables have them.
struct Token(&'static str);

impl Values for Token {
    fn value(&self, name: &str) -> Option<String> {
        (name == "UP_TOKEN").then(|| self.0.to_owned())
    }
}

#[test]
fn a_set_header_takes_its_secret_from_a_variable_and_is_content_like_the_files() {
    let set = "upstream: order\n    set_headers: {Authorization: \"Bearer ${env:UP_TOKEN}\", X-Plain: a}\n";
    let source = changed("routes/orders.yaml", "upstream: order\n", set);
    let one = load_source(&source, &Token("one")).unwrap();
    let route = one.routes.iter().find(|route| route.name.as_str() == "place-order").unwrap();
    let fields: Vec<(&str, &str, bool)> = route
        .set_headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap(), value.is_sensitive()))
        .collect();
    assert_eq!(fields, [("authorization", "Bearer one", true), ("x-plain", "a", false)]);
    let (again, other) = (load_source(&source, &Token("one")), load_source(&source, &Token("two")));
    let (again, other) = (again.unwrap(), other.unwrap());
    assert_eq!((&one.hash, &one.values), (&again.hash, &again.values));
    // The hash names the files; what the variables held is told apart beside it.
    assert_eq!(one.hash, other.hash);
    assert_ne!(one.values, other.values);
    let Err(broken) = load_source(&source, &Token("a\nb")) else {
        panic!("a field with a line's end was taken")
    };
    assert!(!broken.to_string().contains("a\nb"), "{broken}");
}

#[test]
fn a_burst_may_be_larger_than_what_a_window_refills() {
    let source = changed("plans/starter.yaml", "burst: 20", "burst: 500");
    let snapshot = load_source(&source, &NoValues).unwrap();
    let rate = &snapshot.plans["starter"].versions[0].limits[0].rate;
    assert_eq!((rate.requests.get(), rate.burst.get()), (100, 500));
}

#[test]
fn ten_thousand_routes_are_one_set_in_one_file_or_in_many() {
    let mut source = shipped();
    source.files.retain(|file| !file.path.starts_with("routes/") && &*file.path != "products.yaml");
    let route = |number: usize| {
        format!(
            "  - name: route-{number}\n    methods: [GET]\n    path: /api/area{}/thing{number}/{{id}}\n    upstream: order\n    \
             access: {{scopes: [order:read]}}\n    meter: {{transaction: {{id: response.body.id, amount: response.body.amount, \
             currency: response.body.currency, kind: sale}}}}\n",
            number % 100
        )
    };
    let products = ["storefront", "supply", "carrier"].map(|name| {
        let names: String = (0..10_000).map(|number| format!("      - route-{number}\n")).collect();
        format!("  {name}:\n    title: All\n    billable: true\n    routes:\n{names}")
    });
    source.files.push(file("products.yaml", format!("products:\n{}", products.concat())));
    for files in [1, 100] {
        let mut source = source.clone();
        for number in 0..files {
            let routes = (0..10_000).filter(|route| route % files == number).map(route).collect::<String>();
            source.files.push(file(&format!("routes/r{number}.yaml"), format!("routes:\n{routes}")));
        }
        let snapshot = load_source(&source, &NoValues).unwrap_or_else(|report| panic!("{report}"));
        assert_eq!((snapshot.routes.len(), snapshot.routes[0].products.len()), (10_000, 3));
    }
}

#[test]
fn what_is_missing_of_oauth_is_told_once_with_what_would_be_right() {
    let least = "name: a\ntime_zone: Asia/Shanghai\n";
    let with = |oauth: &str| {
        let mut source = shipped();
        source.files.retain(|file| &*file.path != "platform.yaml");
        source.files.push(file("platform.yaml", format!("{least}{oauth}\n")));
        source
    };
    let section = "oauth: {access_token_lifetime: 1h, refresh_token_lifetime: 30d, code_lifetime: 60s}";
    for (oauth, message, help) in [
        ("", "the key oauth is missing", format!("such as {section}")),
        (
            "oauth: {access_token_lifetime: 1h, refresh_token_lifetime: 30d}",
            "the key code_lifetime is missing",
            "such as code_lifetime: 60s".to_owned(),
        ),
    ] {
        let report = report(&with(oauth));
        let [found] = report.diagnostics.as_slice() else { panic!("not one mistake in:\n{report}") };
        assert_eq!(
            (found.message.as_str(), found.help.as_deref()),
            (message, Some(help.as_str())),
            "{report}"
        );
    }
    load_source(&with(section), &NoValues).unwrap();
}
