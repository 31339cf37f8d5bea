//! What an expression may read: variables with their types.

use super::kind::Kind;

/// What an expression may read: variables with their types.
#[derive(Debug, Clone)]
pub struct Declared(Vec<(&'static str, Kind)>);

impl Declared {
    /// What a route's condition may read: nothing of the answer, and no body. `parameters` are those of its path, `headers` the
    /// fields of the head that it names.
    #[must_use]
    pub fn for_conditions(parameters: &[&str], headers: &[&str]) -> Self {
        let source = Kind::fields([("address", Kind::Address)]);
        let request = request(parameters, [("headers", texts(headers))]);
        Self(vec![("request", request), ("principal", principal()), ("source", source)])
    }

    /// What is known of a call's units before its upstream has it: nothing of the answer, and no body.
    #[must_use]
    pub fn for_reserves(parameters: &[&str]) -> Self {
        Self(vec![("request", request(parameters, [])), ("principal", principal())])
    }

    /// What a meter may read. `parameters` are those of its route's path, `headers` the fields of the answer's head that it names.
    #[must_use]
    pub fn for_meters(parameters: &[&str], headers: &[&str]) -> Self {
        let response = [("status", Kind::Int), ("headers", texts(headers))].into_iter().chain(body());
        let request = request(parameters, body());
        Self(vec![("request", request), ("response", Kind::fields(response)), ("principal", principal())])
    }

    /// What is read of another issuer's token: its claims.
    #[must_use]
    pub fn for_claims() -> Self {
        Self(vec![("claims", Kind::Any)])
    }

    pub(super) fn variables(&self) -> &[(&'static str, Kind)] {
        &self.0
    }
}

fn request(parameters: &[&str], more: impl IntoIterator<Item = (&'static str, Kind)>) -> Kind {
    let fields = [
        ("method", Kind::Text),
        ("path", Kind::Text),
        ("params", texts(parameters)),
        ("query", Kind::Map(Box::new(Kind::Text))),
    ];
    Kind::fields(fields.into_iter().chain(more))
}

/// A body, as the one of these that it is.
fn body() -> [(&'static str, Kind); 3] {
    let lines = Kind::fields([("count", Kind::Int), ("sum", Kind::Any)]);
    // A field of a form may be JSON.
    [("body", Kind::Any), ("form", Kind::Map(Box::new(Kind::Any))), ("lines", lines)]
}

fn texts(names: &[&str]) -> Kind {
    Kind::fields(names.iter().map(|name| (*name, Kind::Text)))
}

/// What an anonymous caller or an app without a merchant has not is null.
fn principal() -> Kind {
    let scopes = Kind::list(Kind::Text);
    let texts = ["app", "partner", "merchant", "environment"].map(|name| (name, Kind::Text));
    Kind::fields(texts.into_iter().chain([("scopes", scopes)]))
}
