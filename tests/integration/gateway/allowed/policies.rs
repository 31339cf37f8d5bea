//! A world as policy files, beside those that are shipped, and its calls as requests.

use tollgate::domain::identity::Environment;
use tollgate::policy::source::{Kind, Source, SourceFile};

use super::model::{Bits, Call, Merchant, NETWORKS, PRODUCTS, Route, SCOPES, World};
use crate::support::folder::shipped_policies;

/// A plan that has all API products.
pub(super) const WHOLE_PLAN: &str = "plan-whole";

/// The names of the places in `bits`.
pub(super) fn scopes(bits: Bits) -> Vec<&'static str> {
    (0..SCOPES.len()).filter(|place| bits >> place & 1 == 1).map(|place| SCOPES[place]).collect()
}

/// The API products in `bits`.
pub(super) fn products(bits: Bits) -> Vec<String> {
    (0..PRODUCTS).filter(|place| bits >> place & 1 == 1).map(|place| format!("product-{place}")).collect()
}

/// The shipped files with the world's beside them; its upstreams are all at `upstream`.
pub(super) fn source(world: &World, upstream: &str) -> Source {
    let mut source = Source::read(&shipped_policies()).unwrap();
    let mut append = |path: &str, more: &str| {
        let file = source.files.iter_mut().find(|file| &*file.path == path).unwrap();
        file.text = Ok(format!("{}\n{more}", file.text.as_deref().unwrap()));
    };
    let upstreams = [None, Some(Environment::Live), Some(Environment::Sandbox)].map(|environment| {
        let of = environment.map_or("both", Environment::name);
        let name = upstream_name(environment);
        format!("  {name}:\n    endpoints: [\"{upstream}\"]\n    environment: {of}\n")
    });
    append("upstreams.yaml", &upstreams.concat());
    let products: String = (0..PRODUCTS)
        .map(|product| {
            let has = |(_, route): &(usize, &Route)| route.products >> product & 1 == 1;
            let routes: String = (world.routes.iter().enumerate().filter(has))
                .map(|(number, _)| format!("      - world-{number}\n"))
                .collect();
            format!("  product-{product}:\n    title: P\n    routes:\n      - world-anyone\n{routes}")
        })
        .collect();
    append("products.yaml", &products);
    let mut add = |path: String, text: String| {
        source.files.push(SourceFile { kind: Kind::of(&path), path: path.into(), text: Ok(text) });
    };
    add("routes/world.yaml".to_owned(), routes(world));
    let plans = [(0, world.plans[0]), (1, world.plans[1])].map(|(plan, bits)| (format!("plan-{plan}"), bits));
    for (name, bits) in plans.into_iter().chain([(WHOLE_PLAN.to_owned(), (1 << PRODUCTS) - 1)]) {
        let products = self::products(bits).join(", ");
        let text = format!(
            "plan: {name}\nproducts: [{products}]\nversions:\n  - version: 1\n    effective_from: 2026-01-01T00:00:00Z\n    \
             currency: CNY\n    limits:\n      - {{name: calls, requests: 1000000, window: 1s, burst: 100000}}\n"
        );
        add(format!("plans/{name}.yaml"), text);
    }
    source.files.sort_by(|one, other| one.path.cmp(&other.path));
    source
}

fn upstream_name(environment: Option<Environment>) -> &'static str {
    match environment {
        None => "world-any",
        Some(Environment::Live) => "world-live",
        Some(Environment::Sandbox) => "world-sandbox",
    }
}

/// Open to anyone, and what else is said.
fn open(more: &str) -> String {
    format!("{{{more}anonymous: true, address_limit: {{requests: 100000, window: 1s}}}}")
}

fn routes(world: &World) -> String {
    let mut text = format!(
        "routes:\n  - name: world-anyone\n    methods: [GET]\n    path: /anyone\n    upstream: world-any\n    access: {}\n",
        open("")
    );
    for (number, route) in world.routes.iter().enumerate() {
        let (upstream, scopes) = (upstream_name(route.environment), scopes(route.scopes).join(", "));
        let merchant = match route.merchant {
            Merchant::Any => "false",
            Merchant::Some => "true",
            Merchant::InPath => "{path: shop}",
            Merchant::InQuery => "{query: shop}",
            Merchant::InBody => "{body: order.shop}",
        };
        let condition = match route.is_beta {
            true => ", condition: {if: \"request.headers['x-beta'] == 'yes'\", headers: [x-beta]}",
            false => "",
        };
        let addresses = route.network.map(|place| format!("addresses: ['{}'], ", NETWORKS[place].0));
        let addresses = addresses.unwrap_or_default();
        let access = match route.is_open {
            true => open(&addresses),
            false => format!("{{{addresses}scopes: [{scopes}], merchant: {merchant}{condition}}}"),
        };
        let (method, path) = (method(route), path(number, route, "{shop}"));
        text.push_str(&format!(
            "  - name: world-{number}\n    methods: [{method}]\n    path: {path}\n    upstream: {upstream}\n    access: {access}\n"
        ));
    }
    text
}

fn method(route: &Route) -> &'static str {
    if route.merchant == Merchant::InBody { "POST" } else { "GET" }
}

fn path(number: usize, route: &Route, merchant: &str) -> String {
    match route.merchant {
        Merchant::InPath => format!("/world/{number}/shops/{merchant}"),
        Merchant::Any | Merchant::Some | Merchant::InQuery | Merchant::InBody => format!("/world/{number}"),
    }
}

/// A call as a request, but for its credential: method, target, fields and body. `merchants` are the merchants' ids.
pub(super) fn request(
    world: &World,
    call: &Call,
    merchants: &[String],
) -> (&'static str, String, Vec<(&'static str, &'static str)>, String) {
    let route = &world.routes[call.route];
    let named = call.names.map(|place| merchants[place].as_str());
    let mut target = path(call.route, route, named.unwrap_or_default());
    let mut body = String::new();
    match (route.merchant, named) {
        (Merchant::InQuery, Some(merchant)) => target.push_str(&format!("?shop={merchant}")),
        (Merchant::InBody, Some(merchant)) => body = format!(r#"{{"order":{{"shop":"{merchant}"}}}}"#),
        (Merchant::InBody, None) => "{}".clone_into(&mut body),
        (Merchant::Any | Merchant::Some | Merchant::InPath | Merchant::InQuery, _) => {}
    }
    let mut fields = vec![("Content-Type", "application/json")];
    if call.is_beta {
        fields.push(("X-Beta", "yes"));
    }
    (if call.is_right_method { method(route) } else { "DELETE" }, target, fields, body)
}
