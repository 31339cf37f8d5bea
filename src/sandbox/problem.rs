//! What a sandbox upstream refuses, as a problem document (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::record::money;

/// Why a sandbox upstream refuses a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// The request cannot be read; what would be right.
    Malformed(String),
    /// The body is too long.
    TooLarge,
    /// A field is missing or wrong.
    Invalid {
        /// The field, such as `items[0].quantity`.
        field: String,
        /// What would be right.
        right: String,
    },
    /// Something is not there, or belongs to another merchant.
    NotFound(String),
    /// Nothing is served at this path.
    NoRoute,
    /// The path has other methods.
    NoMethod,
    /// The state of things does not allow it.
    Conflict(String),
    /// There is not enough stock.
    OutOfStock {
        /// The product.
        product: String,
        /// What is left of it.
        left: i64,
    },
    /// A refund is more than what is left of the payment.
    RefundTooLarge {
        /// What is left, in minor units.
        left: i64,
    },
    /// The request names no merchant.
    NoMerchant,
    /// No more orders can be kept.
    Full,
}

impl Refused {
    pub(super) fn invalid(field: &str, right: &str) -> Self {
        Self::Invalid { field: field.to_owned(), right: right.to_owned() }
    }

    pub(super) fn not_found(what: &str, id: &str) -> Self {
        Self::NotFound(format!("There is no {what} {}", id.chars().take(64).collect::<String>()))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound(_) | Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NoMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) | Self::OutOfStock { .. } | Self::RefundTooLarge { .. } => StatusCode::CONFLICT,
            Self::NoMerchant => StatusCode::FORBIDDEN,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "The request cannot be read",
            Self::TooLarge => "The body is too long",
            Self::Invalid { .. } => "A field is not right",
            Self::NotFound(_) | Self::NoRoute => "Not found",
            Self::NoMethod => "The method is not allowed here",
            Self::Conflict(_) => "That cannot be done now",
            Self::OutOfStock { .. } => "There is not enough stock",
            Self::RefundTooLarge { .. } => "The refund is too large",
            Self::NoMerchant => "No merchant",
            Self::Full => "The sandbox is full",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Malformed(why) | Self::Conflict(why) | Self::NotFound(why) => why.clone(),
            Self::TooLarge => "A body has 256 KiB at most".to_owned(),
            Self::Invalid { field, right } => format!("{field} must be {right}"),
            Self::NoRoute => "Nothing is served at this path".to_owned(),
            Self::NoMethod => "The field Allow names the methods of this path".to_owned(),
            Self::OutOfStock { product, left } => format!("{left} of product {product} are left"),
            Self::RefundTooLarge { left } => format!("{} is left of the payment", money(*left)),
            Self::NoMerchant => {
                "X-Tollgate-Merchant must name the merchant on whose behalf you call".to_owned()
            }
            Self::Full => "No more orders can be kept until some are finished".to_owned(),
        }
    }

    /// Members beyond those of every problem document.
    fn more(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::Invalid { field, .. } => vec![("field", field.as_str().into())],
            Self::OutOfStock { product, left } => {
                vec![("product_id", product.as_str().into()), ("left", (*left).into())]
            }
            Self::RefundTooLarge { left } => vec![("left", money(*left).into())],
            Self::Malformed(_)
            | Self::TooLarge
            | Self::NotFound(_)
            | Self::NoRoute
            | Self::NoMethod
            | Self::Conflict(_)
            | Self::NoMerchant
            | Self::Full => Vec::new(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut members = Map::new();
        members.insert("title".to_owned(), self.title().into());
        members.insert("status".to_owned(), status.as_u16().into());
        members.insert("detail".to_owned(), self.detail().into());
        members.extend(self.more().into_iter().map(|(name, value)| (name.to_owned(), value)));
        let mut response = (status, Json(Value::Object(members))).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        response
    }
}
