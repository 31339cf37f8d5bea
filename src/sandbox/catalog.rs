//! The catalog upstream: products with prices and stock.

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{World, amount, integer, money, object};
use super::problem::Refused;
use super::record::{CURRENCY, Product};
use crate::domain::time::Timestamp;

const MAX_STOCK: i64 = 1_000_000_000;
const MAX_PAGE: usize = 500;

/// Its routes.
pub fn router(world: World) -> Router {
    Router::new()
        .route("/products", get(list))
        .route("/products/{id}", get(show).put(update))
        .route("/products/{id}/stock", put(set_stock))
        .with_state(world)
}

#[derive(Deserialize)]
struct ListQuery {
    page: Option<usize>,
    page_size: Option<usize>,
    updated_since: Option<String>,
}

async fn list(Shared(world): Shared<World>, Query(query): Query<ListQuery>) -> Result<Response, Refused> {
    let since: Option<Timestamp> =
        query.updated_since.as_deref().map(str::parse).transpose().map_err(|_| Refused::Invalid {
            field: "updated_since",
            right: "a time such as 2026-11-24T08:00:00Z".to_owned(),
        })?;
    let page = query.page.unwrap_or(1);
    let size = query.page_size.unwrap_or(100);
    if page == 0 || !(1..=MAX_PAGE).contains(&size) {
        let right = format!("page from 1, page_size from 1 to {MAX_PAGE}");
        return Err(Refused::Invalid { field: "page", right });
    }
    let state = world.state();
    let mut matching =
        state.products().filter(|product| since.is_none_or(|since| product.updated_at >= since));
    let products: Vec<Value> =
        matching.by_ref().skip((page - 1).saturating_mul(size)).take(size).map(to_json).collect();
    let has_more = matching.next().is_some();
    drop(matching);
    drop(state);
    let mut response = Json(products).into_response();
    let since = query.updated_since.map(|since| format!("&updated_since={since}")).unwrap_or_default();
    let next =
        format!("</api/products?page={}&page_size={size}{since}>; rel=\"next\"", page.saturating_add(1));
    if let (true, Ok(link)) = (has_more, HeaderValue::from_str(&next)) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

async fn show(Shared(world): Shared<World>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    Ok(Json(to_json(world.state().product(&id)?)))
}

async fn update(
    Shared(world): Shared<World>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refused> {
    let body = object(&body)?;
    let price = body.get("price").map(|_| amount(&body, "price")).transpose()?;
    let stock = body.get("stock").map(|_| integer(&body, "stock", 0..=MAX_STOCK)).transpose()?;
    if price.is_none() && stock.is_none() {
        return Err(Refused::Invalid { field: "body", right: "price, stock, or both".to_owned() });
    }
    Ok(Json(to_json(world.state().update_product(&id, (price, stock), world.now())?)))
}

async fn set_stock(
    Shared(world): Shared<World>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refused> {
    let stock = integer(&object(&body)?, "stock", 0..=MAX_STOCK)?;
    Ok(Json(to_json(world.state().update_product(&id, (None, Some(stock)), world.now())?)))
}

fn to_json(product: &Product) -> Value {
    json!({
        "id": product.id,
        "sku": product.sku,
        "name": product.name,
        "name_en": product.name_en,
        "price": money(product.price),
        "currency": CURRENCY,
        "stock": product.stock,
        "updated_at": product.updated_at.to_string(),
    })
}
