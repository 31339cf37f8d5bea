//! The order upstream. An order is its merchant's alone.

use axum::Json;
use axum::Router;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::body::Fields;
use super::paging::Paging;
use super::problem::Refused;
use super::record::{CURRENCY, Item, Order, Receiver, Wanted, money};
use super::state::MAX_ITEMS;
use super::world::{Id, Merchant, World};

/// Most pieces of one product in one line.
const MAX_QUANTITY: i64 = 1_000_000;

/// Its routes.
pub(super) fn router(world: World) -> Router {
    Router::new()
        .route("/orders", get(list).post(place))
        .route("/orders/{id}", get(show))
        .route("/orders/{id}/cancel", post(cancel))
        .with_state(world)
}

async fn place(
    Shared(world): Shared<World>,
    Merchant(merchant): Merchant,
    body: Fields,
) -> Result<(StatusCode, Json<Value>), Refused> {
    body.must_be("currency", CURRENCY)?;
    let (wanted, receiver) = (wanted(&body)?, receiver(&body)?);
    let order =
        world.step(|state, now| Ok(to_json(state.place_order(&merchant, &wanted, receiver, now)?)))?;
    Ok((StatusCode::CREATED, Json(order)))
}

fn wanted(body: &Fields) -> Result<Vec<Wanted>, Refused> {
    let items = body.objects("items", 1..=MAX_ITEMS)?;
    let wanted = items.iter().map(|item| {
        Ok(Wanted {
            product: item.text("product_id")?,
            quantity: item.integer("quantity", 1..=MAX_QUANTITY)?,
        })
    });
    wanted.collect()
}

fn receiver(body: &Fields) -> Result<Receiver, Refused> {
    let receiver = body.object("receiver", "an object with name, phone and address")?;
    Ok(Receiver {
        name: receiver.text("name")?,
        phone: receiver.text("phone")?,
        address: receiver.text("address")?,
    })
}

async fn list(Shared(world): Shared<World>, Merchant(merchant): Merchant, paging: Paging) -> Response {
    paging.answer(world.step(|state, _| paging.cut(state.orders(&merchant), to_json)))
}

async fn show(
    Shared(world): Shared<World>,
    Merchant(merchant): Merchant,
    Id(id): Id,
) -> Result<Json<Value>, Refused> {
    world.step(|state, _| Ok(Json(to_json(state.order(Some(&merchant), &id)?))))
}

async fn cancel(
    Shared(world): Shared<World>,
    Merchant(merchant): Merchant,
    Id(id): Id,
) -> Result<Json<Value>, Refused> {
    world.step(|state, now| Ok(Json(to_json(state.cancel_order(&merchant, &id, now)?))))
}

fn to_json(order: &Order) -> Value {
    let item = |item: &Item| json!({"product_id": item.product, "quantity": item.quantity, "price": money(item.price)});
    json!({
        "id": order.id,
        "status": order.status(),
        "items": order.items.iter().map(item).collect::<Vec<_>>(),
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
