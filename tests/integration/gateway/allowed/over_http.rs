//! A world on a running node, made as administrators, merchants and apps make theirs, and calls over the wire.

use serde_json::{Value, json};
use tollgate::policy::source::Source;

use super::model::{ADDRESSES, App, Call, Credential, End, MERCHANTS, NETWORKS, PRODUCTS, World};
use super::policies::{self, WHOLE_PLAN};
use crate::support::dev::{Dev, browser_consent, parameter};
use crate::support::http::{self, Answer, FORM, form};
use crate::support::server::{Server, answer};

const SERVED: &str = "\"served\"";
const PASSWORD: &str = "a password of this test";
const REDIRECT_URI: &str = "http://127.0.0.1:9999/callback";

/// A node with a world on it.
pub(super) struct Node {
    dev: Dev,
    world: World,
    merchants: Vec<String>,
    apps: Vec<Value>,
    keys: Vec<String>,
    /// Of each app: its own, then one for each merchant.
    tokens: Vec<Vec<String>>,
    _upstream: Server,
}

impl Node {
    pub(super) fn of(world: &World) -> Self {
        let upstream = Server::start(|_, to| answer(to, 200, SERVED));
        let source = policies::source(world, &upstream.address);
        let dev = Dev::with_policies(|folder| write(folder, &source));
        let mut node = Self {
            dev,
            world: world.clone(),
            merchants: Vec::new(),
            apps: Vec::new(),
            keys: Vec::new(),
            tokens: Vec::new(),
            _upstream: upstream,
        };
        node.make();
        node
    }

    /// Whether the upstream answers a call, and what the caller is told.
    pub(super) fn call(&self, call: &Call) -> (bool, Answer) {
        let (method, target, fields, body) = policies::request(&self.world, call, &self.merchants);
        let shown = match call.credential {
            Credential::None => None,
            Credential::Key(place) => Some(("X-Api-Key", self.keys[place].clone())),
            Credential::Token(app, merchant) => {
                let token = &self.tokens[app][merchant.map_or(0, |merchant| merchant + 1)];
                Some(("Authorization", format!("Bearer {token}")))
            }
        };
        let shown = shown.iter().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<(&str, &str)> = fields.into_iter().chain(shown).collect();
        let from = ADDRESSES[call.from].parse().unwrap();
        let answer = http::send_from(from, self.dev.base(), (method, &target), &headers, &body);
        (answer.status == 200 && answer.text() == SERVED, answer)
    }

    fn admin(&self, path: &str, body: &Value) -> Value {
        let made = self.dev.admin("POST", path, &body.to_string());
        assert!(made.status < 300, "{path} {body}: {}", made.text());
        made.json()
    }

    fn make(&mut self) {
        let world = self.world.clone();
        let partners = world.partners.map(|_| self.admin("/admin/partners", &json!({"name": "Partner"})));
        for place in 0..MERCHANTS {
            let merchant = json!({"username": username(place), "name": "Shop", "password": PASSWORD});
            let made = self.admin("/admin/merchants", &merchant);
            self.merchants.push(text(&made, "id"));
        }
        for app in &world.apps {
            let made = self.app(app, &partners[app.partner]);
            self.apps.push(made);
        }
        self.make_keys();
        for (place, app) in world.apps.iter().enumerate() {
            let tokens =
                (0..=MERCHANTS).map(|of| self.token(place, app.tokens[of].scopes & app.scopes, of)).collect();
            self.tokens.push(tokens);
            self.subscribe(place, app);
        }
        self.end_credentials();
        self.suspend(&partners);
    }

    fn app(&self, app: &App, partner: &Value) -> Value {
        let settings = json!({
            "partner": partner["id"], "name": "App", "scopes": policies::scopes(app.scopes),
            "environment": app.environment.name(), "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code", "client_credentials"],
        });
        self.admin("/admin/apps", &settings)
    }

    /// A key is narrowed to what its app has subscribed to, which is all, while the keys are made.
    fn make_keys(&mut self) {
        let product = |place: usize| format!("product-{place}");
        let all = || (0..self.apps.len()).flat_map(|app| (0..PRODUCTS).map(move |product| (app, product)));
        let whole: Vec<Value> = all()
            .map(|(app, place)| {
                let body =
                    json!({"app": self.apps[app]["id"], "product": product(place), "plan": WHOLE_PLAN});
                self.admin("/admin/subscriptions", &body)
            })
            .collect();
        for key in self.world.keys.clone() {
            let app = &self.world.apps[key.app];
            let mut body = json!({"app": self.apps[key.app]["id"]});
            if let Some(scopes) = key.scopes {
                body["scopes"] = json!(policies::scopes(scopes & app.scopes));
            }
            if let Some(products) = key.products {
                body["products"] = json!(policies::products(products));
            }
            if let Some(network) = key.network {
                body["addresses"] = json!([NETWORKS[network].0]);
            }
            let made = self.admin("/admin/keys", &body);
            self.keys.push(text(&made, "key"));
            if key.end != End::Not {
                self.admin(&format!("/admin/keys/{}/revoke", text(&made, "id")), &json!({}));
            }
        }
        for subscription in whole {
            self.admin(&format!("/admin/subscriptions/{}/end", text(&subscription, "id")), &json!({}));
        }
    }

    /// What a plan does not have, nobody can subscribe to under it.
    fn subscribe(&self, place: usize, app: &App) {
        for (product, subscription) in app.subscriptions.iter().enumerate() {
            let Some((plan, is_over)) = *subscription else { continue };
            if self.world.plans[plan] >> product & 1 == 0 {
                continue;
            }
            let (product, plan) = (format!("product-{product}"), format!("plan-{plan}"));
            let body = json!({"app": self.apps[place]["id"], "product": product, "plan": plan});
            let made = self.admin("/admin/subscriptions", &body);
            if is_over {
                self.admin(&format!("/admin/subscriptions/{}/end", text(&made, "id")), &json!({}));
            }
        }
    }

    /// A token of an app: its own (0), or one for a merchant.
    fn token(&self, app: usize, scopes: u8, of: usize) -> String {
        let scopes = policies::scopes(scopes).join(" ");
        let client_id = text(&self.apps[app], "client_id");
        if of == 0 {
            return self.token_call(app, &[("grant_type", "client_credentials"), ("scope", &scopes)]);
        }
        let query = form(&[
            ("client_id", &client_id),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT_URI),
            ("scope", &scopes),
        ]);
        let location = browser_consent(self.dev.base(), &query, (&username(of - 1), PASSWORD));
        let code = parameter(&location, "code").unwrap_or_else(|| panic!("no code in {location}"));
        let grant = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT_URI)];
        self.token_call(app, &grant)
    }

    fn oauth(&self, app: usize, path: &str, fields: &[(&str, &str)]) -> Answer {
        let (id, secret) = (text(&self.apps[app], "client_id"), text(&self.apps[app], "client_secret"));
        let fields = [&[("client_id", &*id), ("client_secret", &*secret)], fields].concat();
        let answer = http::request(self.dev.base(), "POST", path, &[FORM], &form(&fields));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    }

    fn token_call(&self, app: usize, fields: &[(&str, &str)]) -> String {
        text(&self.oauth(app, "/oauth/token", fields).json(), "access_token")
    }

    fn end_credentials(&self) {
        for (place, app) in self.world.apps.iter().enumerate() {
            for of in (0..=MERCHANTS).filter(|of| app.tokens[*of].end != End::Not) {
                if of == 0 {
                    self.oauth(place, "/oauth/revoke", &[("token", &self.tokens[place][0])]);
                    continue;
                }
                let (app, merchant) = (text(&self.apps[place], "id"), &self.merchants[of - 1]);
                let grants = self.dev.admin("GET", &format!("/admin/grants?app={app}"), "").json();
                let grants = grants["items"].as_array().unwrap().clone();
                let grant = grants.iter().find(|grant| grant["merchant"] == merchant.as_str()).unwrap();
                self.admin(&format!("/admin/grants/{}/revoke", text(grant, "id")), &json!({}));
            }
        }
    }

    fn suspend(&self, partners: &[Value]) {
        let suspend = |kind: &str, id: &str| self.admin(&format!("/admin/{kind}/{id}/suspend"), &json!({}));
        for (partner, _) in partners.iter().zip(self.world.partners).filter(|(_, is_suspended)| *is_suspended)
        {
            suspend("partners", &text(partner, "id"));
        }
        for (made, _) in self.apps.iter().zip(&self.world.apps).filter(|(_, app)| app.is_suspended) {
            suspend("apps", &text(made, "id"));
        }
        for (id, _) in
            self.merchants.iter().zip(self.world.merchants).filter(|(_, is_suspended)| *is_suspended)
        {
            suspend("merchants", id);
        }
    }
}

fn write(folder: &std::path::Path, source: &Source) {
    for file in &source.files {
        std::fs::write(folder.join(&*file.path), file.text.as_deref().unwrap()).unwrap();
    }
}

fn username(merchant: usize) -> String {
    format!("merchant-{merchant}")
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}
