//! The order upstream.

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::http::{World, integer, merchant, money, object, text};
use super::problem::Refused;
use super::record::{CURRENCY, Order, Receiver};
use super::state::MAX_ITEMS;

/// Orders in one list.
const MAX_LISTED: usize = 200;

/// Its routes.
pub fn router(world: World) -> Router {
    Router::new()
        .route("/orders", get(list).post(place))
        .route("/orders/{id}", get(show))
        .route("/orders/{id}/cancel", post(cancel))
        .with_state(world)
}

async fn place(
    Shared(world): Shared<World>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let merchant = merchant(&headers)?;
    let body = object(&body)?;
    if body.get("currency").is_some_and(|currency| currency != CURRENCY) {
        return Err(Refused::Invalid { field: "currency", right: CURRENCY.to_owned() });
    }
    let (items, receiver) = (items(&body)?, receiver(&body)?);
    let mut state = world.state();
    let order = state.place_order(&merchant, &items, receiver, world.now())?;
    Ok((StatusCode::CREATED, Json(to_json(order))))
}

fn items(body: &Value) -> Result<Vec<(String, i64)>, Refused> {
    let items = body
        .get("items")
        .and_then(Value::as_array)
        .filter(|items| (1..=MAX_ITEMS).contains(&items.len()))
        .ok_or_else(|| Refused::Invalid {
            field: "items",
            right: format!("a list of 1 to {MAX_ITEMS} items"),
        })?;
    items
        .iter()
        .map(|item| Ok((text(item, "product_id")?, integer(item, "quantity", 1..=1_000_000)?)))
        .collect()
}

fn receiver(body: &Value) -> Result<Receiver, Refused> {
    let receiver = body.get("receiver").filter(|receiver| receiver.is_object()).ok_or_else(|| {
        Refused::Invalid { field: "receiver", right: "an object with name, phone and address".to_owned() }
    })?;
    Ok(Receiver {
        name: text(receiver, "name")?,
        phone: text(receiver, "phone")?,
        address: text(receiver, "address")?,
    })
}

async fn list(Shared(world): Shared<World>, headers: HeaderMap) -> Result<Json<Vec<Value>>, Refused> {
    let merchant = merchant(&headers)?;
    let mut state = world.state();
    let orders: Vec<Value> = state.orders(&merchant, world.now()).take(MAX_LISTED).map(to_json).collect();
    Ok(Json(orders))
}

async fn show(
    Shared(world): Shared<World>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    let merchant = merchant(&headers)?;
    Ok(Json(to_json(world.state().order(Some(&merchant), &id, world.now())?)))
}

async fn cancel(
    Shared(world): Shared<World>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    let merchant = merchant(&headers)?;
    Ok(Json(to_json(world.state().cancel_order(&merchant, &id, world.now())?)))
}

fn to_json(order: &Order) -> Value {
    let items: Vec<Value> = order
        .items
        .iter()
        .map(
            |item| json!({"product_id": item.product, "quantity": item.quantity, "price": money(item.price)}),
        )
        .collect();
    json!({
        "id": order.id,
        "status": order.status.name(),
        "items": items,
        "total_amount": money(order.total),
        "refunded_amount": money(order.refunded),
        "currency": CURRENCY,
        "receiver": {
            "name": order.receiver.name,
            "phone": order.receiver.phone,
            "address": order.receiver.address,
        },
        "created_at": order.created_at.to_string(),
        "expires_at": order.expires_at.to_string(),
    })
}
