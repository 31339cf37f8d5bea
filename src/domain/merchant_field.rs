//! Where a request names the merchant that it is about.

use std::fmt;

/// A place in a request, as a policy names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MerchantField {
    /// A parameter of the path, by its name in the route's pattern.
    Path(Box<str>),
    /// A parameter of the query.
    Query(Box<str>),
    /// A member of a JSON body, by the names that lead to it. A list on the way stands for each of its items.
    Body(Box<[Box<str>]>),
}

impl fmt::Display for MerchantField {
    /// `path parameter merchant`, `query parameter merchant_id`, `body field seller.id`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(name) => write!(f, "path parameter {name}"),
            Self::Query(name) => write!(f, "query parameter {name}"),
            Self::Body(names) => write!(f, "body field {}", names.join(".")),
        }
    }
}
