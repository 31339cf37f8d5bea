//! The logistics upstream: where orders are.

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::http::{World, object, optional_merchant, text};
use super::problem::Refused;
use super::record::{Order, OrderStatus, event};

/// Its routes.
pub fn router(world: World) -> Router {
    Router::new()
        .route("/orders/{id}", get(track))
        .route("/shipments/{id}/events", post(report))
        .with_state(world)
}

async fn track(
    Shared(world): Shared<World>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    let merchant = optional_merchant(&headers);
    Ok(Json(to_json(world.state().order(merchant.as_deref(), &id, world.now())?)))
}

async fn report(
    Shared(world): Shared<World>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let body = object(&body)?;
    let now = world.now();
    let event = event(now, &text(&body, "status")?, &text(&body, "place")?, &text(&body, "text")?);
    Ok((StatusCode::CREATED, Json(to_json(world.state().report(&id, event, now)?))))
}

fn to_json(order: &Order) -> Value {
    let events: Vec<Value> = order
        .shipment
        .events
        .iter()
        .map(|event| {
            json!({"at": event.at.to_string(), "status": event.status, "place": event.place, "text": event.text})
        })
        .collect();
    let status = match order.status {
        OrderStatus::Created | OrderStatus::Paid => "created",
        OrderStatus::Shipped => order.shipment.events.last().map_or("shipped", |last| last.status.as_str()),
        OrderStatus::Delivered => "delivered",
        OrderStatus::Cancelled | OrderStatus::Expired => "cancelled",
        OrderStatus::PartiallyRefunded | OrderStatus::Refunded => "refunded",
    };
    json!({
        "order_id": order.id,
        "status": status,
        "carrier": order.shipment.carrier,
        "waybill": order.shipment.waybill,
        "events": events,
    })
}
