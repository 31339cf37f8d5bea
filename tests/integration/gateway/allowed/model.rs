//! A platform in a few numbers, what is called there, and the ten lines that say whether a call is allowed.

use proptest::prelude::*;
use tollgate::domain::identity::Environment;

/// Some of at most eight things, by their places.
pub(super) type Bits = u8;

pub(super) const SCOPES: [&str; 4] = ["catalog:read", "order:read", "order:write", "payment:read"];
pub(super) const MERCHANTS: usize = 2;
pub(super) const PRODUCTS: usize = 3;
/// Networks that a route may be for, or a key, and which of the callers' addresses is in each.
pub(super) const NETWORKS: [(&str, Bits); 3] =
    [("127.0.0.1", 0b01), ("127.0.0.0/29", 0b01), ("127.0.0.8/29", 0b10)];
pub(super) const ADDRESSES: [&str; 2] = ["127.0.0.1", "127.0.0.9"];

/// All that there is.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) routes: Vec<Route>,
    /// The API products of each plan.
    pub(super) plans: [Bits; 2],
    /// Whether each partner is suspended.
    pub(super) partners: [bool; 2],
    pub(super) apps: [App; 2],
    /// Whether each merchant is suspended.
    pub(super) merchants: [bool; MERCHANTS],
    pub(super) keys: Vec<Key>,
}

#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) is_open: bool,
    pub(super) environment: Option<Environment>,
    /// The API products that have it; one at least.
    pub(super) products: Bits,
    pub(super) scopes: Bits,
    pub(super) merchant: Merchant,
    pub(super) is_beta: bool,
    /// Where it may be called from.
    pub(super) network: Option<usize>,
}

/// What a route asks of the merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merchant {
    Any,
    Some,
    InPath,
    InQuery,
    InBody,
}

#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) partner: usize,
    pub(super) environment: Environment,
    pub(super) scopes: Bits,
    pub(super) is_suspended: bool,
    /// Of each API product, under which plan, and whether that is over.
    pub(super) subscriptions: [Option<(usize, bool)>; PRODUCTS],
    /// One of its own, and one for each merchant.
    pub(super) tokens: [Token; 1 + MERCHANTS],
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) scopes: Bits,
    pub(super) end: End,
}

/// Whether a credential has ended, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Not,
    Revoked,
    Expired,
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) app: usize,
    pub(super) scopes: Option<Bits>,
    pub(super) products: Option<Bits>,
    pub(super) network: Option<usize>,
    pub(super) end: End,
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) route: usize,
    pub(super) is_right_method: bool,
    pub(super) credential: Credential,
    /// Which merchant the request names, where the route says.
    pub(super) names: Option<usize>,
    pub(super) from: usize,
    pub(super) is_beta: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Credential {
    None,
    Key(usize),
    /// An app's own token, or the one for a merchant.
    Token(usize, Option<usize>),
}

/// Who calls, if a credential is good.
struct Caller<'w> {
    app: &'w App,
    scopes: Bits,
    products: Bits,
    merchant: Option<usize>,
}

/// The model. What is revoked, has expired, or is of somebody who is suspended proves nothing.
pub(super) fn allows(world: &World, call: &Call) -> bool {
    let route = &world.routes[call.route];
    let has = |bits: Bits, place: usize| bits >> place & 1 == 1;
    let is_subscribed = |caller: &Caller<'_>| {
        (0..PRODUCTS).filter(|product| has(route.products & caller.products, *product)).any(|product| {
            caller.app.subscriptions[product]
                .is_some_and(|(plan, is_over)| !is_over && has(world.plans[plan], product))
        })
    };
    let is_from = |network: Option<usize>| network.is_none_or(|place| has(NETWORKS[place].1, call.from));
    call.is_right_method
        && is_from(route.network)
        && match (who(world, call), route.is_open) {
            (None, _) => false,
            (Some(None), is_open) => is_open,
            (Some(Some(caller)), is_open) => {
                route.environment.is_none_or(|environment| environment == caller.app.environment)
                    && (is_open
                        || is_subscribed(&caller)
                            && route.scopes & !caller.scopes == 0
                            && (route.merchant == Merchant::Any || caller.merchant.is_some())
                            && (!route.merchant.is_named() || call.names == caller.merchant)
                            && (!route.is_beta || call.is_beta))
            }
        }
}

/// Nobody in particular, or whom a credential proves; `None`: it proves nothing, or nothing here.
fn who<'w>(world: &'w World, call: &Call) -> Option<Option<Caller<'w>>> {
    let active =
        |app: usize| Some(&world.apps[app]).filter(|app| !app.is_suspended && !world.partners[app.partner]);
    match call.credential {
        Credential::None => Some(None),
        Credential::Key(place) => {
            let key = &world.keys[place];
            let app = active(key.app).filter(|_| key.end == End::Not)?;
            key.network.is_none_or(|network| NETWORKS[network].1 >> call.from & 1 == 1).then_some(())?;
            let (scopes, products) = (key.scopes.unwrap_or(!0) & app.scopes, key.products.unwrap_or(!0));
            Some(Some(Caller { app, scopes, products, merchant: None }))
        }
        Credential::Token(app, merchant) => {
            let app = active(app).filter(|_| merchant.is_none_or(|merchant| !world.merchants[merchant]))?;
            let token = &app.tokens[merchant.map_or(0, |merchant| merchant + 1)];
            let scopes = token.scopes & app.scopes;
            (token.end == End::Not).then_some(Some(Caller { app, scopes, products: !0, merchant }))
        }
    }
}

impl Merchant {
    /// Whether the request has to name it.
    pub(super) fn is_named(self) -> bool {
        matches!(self, Self::InPath | Self::InQuery | Self::InBody)
    }
}

impl Call {
    /// The same call of what this world has.
    pub(super) fn within(&self, world: &World) -> Self {
        let credential = match self.credential {
            Credential::Key(place) => Credential::Key(place % world.keys.len()),
            other @ (Credential::None | Credential::Token(..)) => other,
        };
        Self { route: self.route % world.routes.len(), credential, ..self.clone() }
    }

    /// A call of each route by each credential, naming each merchant and none where there is something to name.
    pub(super) fn each(world: &World) -> Vec<Self> {
        let of_keys = (0..world.keys.len()).map(Credential::Key);
        let merchants = || std::iter::once(None).chain((0..MERCHANTS).map(Some));
        let of_apps =
            (0..world.apps.len()).flat_map(|app| merchants().map(move |of| Credential::Token(app, of)));
        let credentials: Vec<_> = std::iter::once(Credential::None).chain(of_keys).chain(of_apps).collect();
        let mut calls = Vec::new();
        for (route, asks) in world.routes.iter().enumerate() {
            for (number, credential) in credentials.iter().copied().enumerate() {
                for names in merchants().filter(|names| names.is_none() || asks.merchant.is_named()) {
                    let (from, is_beta) = (number % 2, number % 3 != 0 || names.is_some());
                    calls.push(Self {
                        route,
                        is_right_method: number != 1,
                        credential,
                        names,
                        from,
                        is_beta,
                    });
                }
            }
        }
        calls
    }
}

/// True, one time in so many.
fn seldom(of: u32) -> impl Strategy<Value = bool> {
    (0..of).prop_map(|number| number == 0)
}

fn environment() -> impl Strategy<Value = Environment> {
    any::<bool>().prop_map(|is_live| if is_live { Environment::Live } else { Environment::Sandbox })
}

/// Some of so many; the first is always there.
fn some(of: u32) -> impl Strategy<Value = Bits> {
    (0..1_u8 << of).prop_map(|bits| bits | 1)
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![8 => Just(End::Not), 1 => Just(End::Revoked), 1 => Just(End::Expired)]
}

fn route() -> impl Strategy<Value = Route> {
    let merchant = prop_oneof![
        2 => Just(Merchant::Any),
        1 => Just(Merchant::Some),
        2 => Just(Merchant::InPath),
        2 => Just(Merchant::InQuery),
        2 => Just(Merchant::InBody),
    ];
    let of_environment = prop::option::weighted(0.4, environment());
    let scopes = (0..16_u8, 0..16_u8).prop_map(|(one, other)| one & other);
    let network = prop::option::weighted(0.2, 0..NETWORKS.len());
    (seldom(5), of_environment, 1..1_u8 << PRODUCTS, scopes, merchant, seldom(4), network).prop_map(
        |(is_open, environment, products, scopes, merchant, is_beta, network)| match is_open {
            // Anyone is asked for nothing.
            true => Route {
                is_open,
                environment,
                products,
                scopes: 0,
                merchant: Merchant::Any,
                is_beta: false,
                network,
            },
            false => Route { is_open, environment, products, scopes, merchant, is_beta, network },
        },
    )
}

fn token() -> impl Strategy<Value = Token> {
    (some(4), end()).prop_map(|(scopes, end)| Token { scopes, end })
}

fn app() -> impl Strategy<Value = App> {
    let subscription = || prop::option::weighted(0.7, (0..2_usize, seldom(6)));
    let subscriptions = [subscription(), subscription(), subscription()];
    let scopes = (some(4), some(4)).prop_map(|(one, other)| one | other);
    (0..2_usize, environment(), scopes, seldom(10), subscriptions, [token(), token(), token()]).prop_map(
        |(partner, environment, scopes, is_suspended, subscriptions, tokens)| App {
            partner,
            environment,
            scopes,
            is_suspended,
            subscriptions,
            tokens,
        },
    )
}

fn key() -> impl Strategy<Value = Key> {
    let products = prop::option::weighted(0.4, 1..1_u8 << PRODUCTS);
    let network = prop::option::weighted(0.4, 0..NETWORKS.len());
    (0..2_usize, prop::option::weighted(0.4, some(4)), products, network, end())
        .prop_map(|(app, scopes, products, network, end)| Key { app, scopes, products, network, end })
}

pub(super) fn world() -> impl Strategy<Value = World> {
    let plan = || (1..1_u8 << PRODUCTS, 1..1_u8 << PRODUCTS).prop_map(|(one, other)| one | other);
    (
        prop::collection::vec(route(), 1..6),
        [plan(), plan()],
        [seldom(10), seldom(10)],
        [app(), app()],
        [seldom(8), seldom(8)],
        prop::collection::vec(key(), 1..5),
    )
        .prop_map(|(routes, plans, partners, apps, merchants, keys)| World {
            routes,
            plans,
            partners,
            apps,
            merchants,
            keys,
        })
}

/// Calls of any world; see [`Call::within`].
pub(super) fn calls() -> impl Strategy<Value = Vec<Call>> {
    let credential = prop_oneof![
        1 => Just(Credential::None),
        4 => (0..4_usize).prop_map(Credential::Key),
        6 => (0..2_usize, prop::option::weighted(0.8, 0..MERCHANTS))
            .prop_map(|(app, merchant)| Credential::Token(app, merchant)),
    ];
    let names = prop::option::weighted(0.8, 0..MERCHANTS);
    let call = (0..5_usize, seldom(12), credential, names, 0..ADDRESSES.len(), any::<bool>()).prop_map(
        |(route, is_wrong_method, credential, names, from, is_beta)| Call {
            route,
            is_right_method: !is_wrong_method,
            credential,
            names,
            from,
            is_beta,
        },
    );
    prop::collection::vec(call, 1..30)
}
