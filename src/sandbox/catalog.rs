//! The catalog upstream: products with prices and stock.

use axum::Json;
use axum::Router;
use axum::extract::State as Shared;
use axum::response::Response;
use axum::routing::{get, put};
use serde_json::{Value, json};

use super::body::Fields;
use super::paging::Paging;
use super::problem::Refused;
use super::record::{CURRENCY, Product, money};
use super::shelf::ProductChange;
use super::world::{Id, World};
use crate::domain::time::Timestamp;

/// Highest stock that can be set.
const MAX_STOCK: i64 = 1_000_000_000;

/// What can be changed of a product, and what may come along unchanged when a whole product is sent back.
const CHANGEABLE: [&str; 4] = ["name", "name_en", "price", "stock"];
const GIVEN: [&str; 4] = ["id", "sku", "currency", "updated_at"];

/// Its routes.
pub(super) fn router(world: World) -> Router {
    Router::new()
        .route("/products", get(list))
        .route("/products/{id}", get(show).put(update))
        .route("/products/{id}/stock", put(set_stock))
        .with_state(world)
}

async fn list(Shared(world): Shared<World>, paging: Paging) -> Result<Response, Refused> {
    let since: Option<Timestamp> =
        paging.parameter("updated_since").map(str::parse).transpose().map_err(|_| {
            Refused::invalid("updated_since", "a time with its zone, such as 2026-11-24T08:00:00Z")
        })?;
    let page = world.step(|state, _| {
        let is_new = |product: &&Product| since.is_none_or(|since| product.updated_at >= since);
        paging.cut(state.products().filter(is_new), to_json)
    });
    Ok(paging.answer(page))
}

async fn show(Shared(world): Shared<World>, Id(id): Id) -> Result<Json<Value>, Refused> {
    world.step(|state, _| Ok(Json(to_json(state.product(&id)?))))
}

async fn update(Shared(world): Shared<World>, Id(id): Id, body: Fields) -> Result<Json<Value>, Refused> {
    if let Some(unknown) = body.names().find(|name| !CHANGEABLE.contains(name) && !GIVEN.contains(name)) {
        return Err(body.invalid(unknown, &format!("left out: a product has {}", CHANGEABLE.join(", "))));
    }
    let change = ProductChange {
        name: body.optional("name", Fields::text)?,
        name_en: body.optional("name_en", Fields::text)?,
        price: body.optional("price", Fields::amount)?,
        stock: body.optional("stock", stock)?,
    };
    if change == ProductChange::default() {
        return Err(Refused::Malformed(format!(
            "The body must have at least one of {}",
            CHANGEABLE.join(", ")
        )));
    }
    world.step(|state, now| {
        let product = state.product(&id)?;
        body.must_be("id", &product.id)?;
        body.must_be("sku", &product.sku)?;
        body.must_be("currency", CURRENCY)?;
        Ok(Json(to_json(state.update_product(&id, change, now)?)))
    })
}

async fn set_stock(Shared(world): Shared<World>, Id(id): Id, body: Fields) -> Result<Json<Value>, Refused> {
    let change = ProductChange { stock: Some(stock(&body, "stock")?), ..ProductChange::default() };
    world.step(|state, now| Ok(Json(to_json(state.update_product(&id, change, now)?))))
}

fn stock(body: &Fields, name: &str) -> Result<i64, Refused> {
    body.integer(name, 0..=MAX_STOCK)
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
