//! `tollgate app`: partners' registered clients.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::app_secret::{self, SecretAction};
use super::app_settings::{ClientArguments, list, with_help};
use super::failure::{Failure, Outcome};
use super::node::{Node, NodeArguments};
use super::personal_data_reads::{self, WhichReads};
use super::query::{segment, with_query};
use super::screen::{Column, Format, Screen};
use super::subscription;

#[derive(Debug, Args)]
pub(super) struct AppArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Environment {
    /// Real orders, real money
    Live,
    /// Trials
    Sandbox,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Whose {
    /// Its own
    Own,
    /// Those of all apps
    All,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Register an app; its client secret is shown this once
    Create(NewApp),
    /// All apps, or one partner's
    List {
        /// Only apps of this partner
        #[arg(long, value_name = "ID")]
        partner: Option<String>,
    },
    /// One app
    Show {
        /// The app's id, which is its OAuth2 client_id
        id: String,
    },
    /// Stop an app at once: its keys and tokens no longer work; those that it got for itself not after a resume either
    Suspend {
        /// The app's id
        id: String,
    },
    /// Let a suspended app act again, by its keys, secrets and the tokens of its merchants
    Resume {
        /// The app's id
        id: String,
    },
    /// Change an app; what is not named stays
    Update(ChangedApp),
    /// Client secrets
    #[command(subcommand)]
    Secret(SecretAction),
    /// Whose tokens an app may ask about at the introspection endpoint; with --of, change it
    Introspection {
        /// The app's id
        id: String,
        /// Its own alone, or, for a resource server, those of all apps
        #[arg(long, value_enum, value_name = "WHOSE")]
        of: Option<Whose>,
    },
    /// Calls by which an app got personal data: when, by which credential, for which merchant, if any, and by which scopes
    PersonalDataReads {
        /// The app's id
        id: String,
        #[command(flatten)]
        which: WhichReads,
    },
    /// Let an app use an API product under a plan
    Subscribe {
        /// The app's id
        id: String,
        /// The API product's name in the policies
        #[arg(long, value_name = "NAME")]
        product: String,
        /// The plan's name in the policies
        #[arg(long, value_name = "NAME")]
        plan: String,
    },
}

#[derive(Debug, Args)]
#[command(
    mut_arg("token_endpoint_auth_methods", with_help(" [default: by a secret, either way]")),
    mut_arg(
        "grant_types",
        with_help(" [default: all but the last, and a public app no client_credentials]")
    )
)]
struct NewApp {
    /// The partner whose app it is
    #[arg(long, value_name = "ID")]
    partner: String,
    /// Its name, shown to merchants when they consent
    #[arg(long)]
    name: String,
    /// Where its calls may go
    #[arg(long, value_enum, default_value = "sandbox")]
    environment: Environment,
    /// It cannot keep a secret (a native app): it gets none, and must use PKCE; browser apps need CORS, which is not served
    /// yet
    #[arg(id = "kind", long = "public")]
    public: bool,
    /// Where authorization answers may go; may be given several times
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// A scope that it may ask for; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<String>,
    /// A scope that it gets when it asks for none; may be given several times [default: all its scopes, also those that it is
    /// given later]
    #[arg(long = "default-scope", value_name = "SCOPE")]
    default_scopes: Vec<String>,
    /// It must use PKCE although it keeps a secret
    #[arg(
        id = "requires_pkce",
        long = "require-pkce",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true
    )]
    require_pkce: Option<bool>,
    #[command(flatten)]
    client: ClientArguments,
}

#[derive(Debug, Args)]
#[command(
    mut_arg("token_endpoint_auth_methods", with_help(", in place of all before")),
    mut_arg("grant_types", with_help(", in place of all before"))
)]
struct ChangedApp {
    /// The app's id
    id: String,
    /// What cannot be changed
    #[arg(long, hide = true, num_args = 0..=1)]
    environment: Option<Option<String>>,
    /// Its name, shown to merchants when they consent
    #[arg(long)]
    name: Option<String>,
    /// Where authorization answers may go, in place of all before; may be given several times; '' for none
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// A scope that it may ask for, in place of all before; may be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A scope that it gets when it asks for none, in place of all before; may be given several times; '' for none
    #[arg(long = "default-scope", value_name = "SCOPE")]
    default_scopes: Vec<String>,
    /// It must use PKCE although it keeps a secret
    #[arg(
        id = "requires_pkce",
        long = "require-pkce",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true
    )]
    require_pkce: Option<bool>,
    #[command(flatten)]
    client: ClientArguments,
}

const COLUMNS: &[Column] = &[
    ("id", "/id"),
    ("partner", "/partner"),
    ("name", "/name"),
    ("environment", "/environment"),
    ("kind", "/kind"),
    ("standing", "/standing"),
    ("partner's standing", "/partner_standing"),
];

const DETAILS: &[Column] = &[
    ("id", "/id"),
    ("client_id", "/client_id"),
    ("client secret", "/client_secret"),
    ("partner", "/partner"),
    ("name", "/name"),
    ("environment", "/environment"),
    ("kind", "/kind"),
    ("redirect URIs", "/redirect_uris"),
    ("scopes", "/scopes"),
    ("default scopes", "/default_scopes"),
    ("requires PKCE", "/requires_pkce"),
    ("proves itself by", "/token_endpoint_auth_methods"),
    ("grant types", "/grant_types"),
    ("certificate's subject", "/tls_client_auth_subject_dn"),
    ("certificate's host", "/tls_client_auth_san_dns"),
    ("certificate's URI", "/tls_client_auth_san_uri"),
    ("certificate's address", "/tls_client_auth_san_ip"),
    ("certificate's mail", "/tls_client_auth_san_email"),
    ("tokens bound by DPoP", "/dpop_bound_access_tokens"),
    ("tokens bound to certificate", "/tls_client_certificate_bound_access_tokens"),
    ("pushes requests", "/require_pushed_authorization_requests"),
    ("standing", "/standing"),
    ("partner's standing", "/partner_standing"),
    ("created", "/created_at"),
];

/// Told with every secret.
pub(super) const SHOWN_ONCE: &str =
    "Keep this secret now: it is shown this once, and only its hash is stored.";

pub(super) fn run(arguments: AppArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Create(app) => create(&node, app, screen),
        Action::List { partner } => {
            let path = with_query("/admin/apps", &[("partner", partner.as_deref())]);
            screen.list(&node.list(&path)?, COLUMNS, "No apps: tollgate app create --help")
        }
        Action::Show { id } => details(node.get(&path(&id, ""))?, screen),
        Action::Suspend { id } => details(node.post(&path(&id, "/suspend"), &json!({}))?, screen),
        Action::Resume { id } => details(node.post(&path(&id, "/resume"), &json!({}))?, screen),
        Action::Update(app) => update(&node, app, screen),
        Action::Secret(action) => app_secret::run(&node, action, screen),
        Action::Introspection { id, of } => {
            let path = path(&id, "/introspection");
            let shown = match of {
                None => node.get(&path)?,
                Some(Whose::Own) => node.post(&path, &json!({"of": "own"}))?,
                Some(Whose::All) => node.post(&path, &json!({"of": "all"}))?,
            };
            screen.entry(&shown, &[("app", "/app"), ("tokens of", "/of")])
        }
        Action::PersonalDataReads { id, which } => {
            let path = path(&id, personal_data_reads::PATH);
            personal_data_reads::run(&node, (&path, &which), "It got no personal data.", screen)
        }
        Action::Subscribe { id, product, plan } => {
            subscription::create(&node, (&id, &product, &plan), screen)
        }
    }
}

fn create(node: &Node, app: NewApp, screen: &Screen) -> Outcome {
    let mut body = json!({
        "partner": app.partner,
        "name": app.name,
        "environment": match app.environment {
            Environment::Live => "live",
            Environment::Sandbox => "sandbox",
        },
        "kind": if app.public { "public" } else { "confidential" },
        "redirect_uris": app.redirect_uris,
        "scopes": app.scopes,
        "requires_pkce": app.require_pkce.unwrap_or(app.public),
    });
    if let Some(scopes) = list(app.default_scopes) {
        body["default_scopes"] = scopes;
    }
    app.client.add_to(&mut body)?;
    let app = node.post("/admin/apps", &body)?;
    let has_secret = app["client_secret"].is_string();
    details(app, screen)?;
    if has_secret { screen.note(SHOWN_ONCE) } else { Ok(()) }
}

fn update(node: &Node, app: ChangedApp, screen: &Screen) -> Outcome {
    if app.environment.is_some() {
        return Err(Failure::Usage(format!(
            "tollgate: the environment of an app is the same for good, as its keys and tokens are of it. Register another app \
             there with tollgate app create --environment, and suspend this one once nothing calls by it any more: \
             tollgate app suspend {}",
            app.id
        )));
    }
    let mut body = json!({ "name": app.name, "requires_pkce": app.require_pkce });
    let lists = [
        ("redirect_uris", app.redirect_uris),
        ("scopes", app.scopes),
        ("default_scopes", app.default_scopes),
    ];
    for (name, entries) in lists {
        if let Some(entries) = list(entries) {
            body[name] = entries;
        }
    }
    app.client.add_to(&mut body)?;
    details(node.patch(&path(&app.id, ""), &body)?, screen)
}

/// Shows an app; people are told of default scopes that nobody named what they are.
fn details(mut app: Value, screen: &Screen) -> Outcome {
    if screen.format() == Format::Human && app["default_scopes_named"] == false {
        app["default_scopes"] = json!("all its scopes");
    }
    screen.entry(&app, DETAILS)
}

pub(super) fn path(id: &str, action: &str) -> String {
    format!("/admin/apps/{}{action}", segment(id))
}
