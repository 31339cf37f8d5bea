//! What a sandbox upstream refuses, as a problem document (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Why a sandbox upstream refuses a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Something is not there, or belongs to another merchant.
    NotFound(String),
    /// A field is missing or malformed.
    Invalid {
        /// The field.
        field: &'static str,
        /// What would be right.
        right: String,
    },
    /// The state of things does not allow it.
    Conflict(String),
    /// There is not enough stock.
    OutOfStock {
        /// The product.
        product: String,
        /// What is left of it.
        left: i64,
    },
    /// The request names no merchant.
    NoMerchant,
    /// No more can be kept.
    Full,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, title, mut members) = match self {
            Self::NotFound(what) => (StatusCode::NOT_FOUND, format!("There is no {what}"), json!({})),
            Self::Invalid { field, right } => {
                let title = format!("The field {field} is not right");
                (StatusCode::UNPROCESSABLE_ENTITY, title, json!({"field": field, "detail": right}))
            }
            Self::Conflict(why) => (StatusCode::CONFLICT, why, json!({})),
            Self::OutOfStock { product, left } => {
                let title = "There is not enough stock".to_owned();
                (StatusCode::CONFLICT, title, json!({"product_id": product, "left": left}))
            }
            Self::NoMerchant => {
                let title = "The request names no merchant (X-Tollgate-Merchant)".to_owned();
                (StatusCode::FORBIDDEN, title, json!({}))
            }
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, "The sandbox is full".to_owned(), json!({})),
        };
        if let Value::Object(members) = &mut members {
            members.insert("title".to_owned(), title.into());
            members.insert("status".to_owned(), status.as_u16().into());
        }
        let mut response = (status, Json(members)).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        response
    }
}
