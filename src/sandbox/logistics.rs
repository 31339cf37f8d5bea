//! The logistics upstream: where parcels are.

use axum::Json;
use axum::Router;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::body::Fields;
use super::problem::Refused;
use super::record::{Order, ShipmentEvent, ShipmentStatus};
use super::world::{AnyMerchant, Id, World};
use crate::domain::time::Timestamp;

/// Its routes.
pub(super) fn router(world: World) -> Router {
    Router::new()
        .route("/orders/{id}", get(track))
        .route("/shipments/{id}/events", post(report))
        .with_state(world)
}

async fn track(
    Shared(world): Shared<World>,
    AnyMerchant(merchant): AnyMerchant,
    Id(id): Id,
) -> Result<Json<Value>, Refused> {
    world.step(|state, _| Ok(Json(to_json(state.order(merchant.as_ref(), &id)?))))
}

/// A carrier acts for itself, not for a merchant.
async fn report(
    Shared(world): Shared<World>,
    Id(id): Id,
    body: Fields,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let status = status(&body)?;
    let at = body.optional("at", time)?;
    let place = body.optional("place", Fields::text)?.unwrap_or_default();
    let text = body.optional("text", Fields::text)?.unwrap_or_default();
    let tracking = world.step(|state, now| {
        let at = at.unwrap_or(now);
        if at > now {
            return Err(body.invalid("at", &format!("a time that is over; it is {now}")));
        }
        Ok(to_json(state.report(&id, ShipmentEvent { at, status, place, text })?))
    })?;
    Ok((StatusCode::CREATED, Json(tracking)))
}

fn status(body: &Fields) -> Result<ShipmentStatus, Refused> {
    let text = body.text("status").unwrap_or_default();
    let known = ShipmentStatus::REPORTED.into_iter().find(|status| status.name() == text);
    known.ok_or_else(|| {
        let names: Vec<&str> = ShipmentStatus::REPORTED.iter().map(|status| status.name()).collect();
        body.invalid("status", &format!("one of {}", names.join(", ")))
    })
}

fn time(body: &Fields, name: &str) -> Result<Timestamp, Refused> {
    let right = "a time with its zone, such as 2026-11-24T08:00:00Z";
    body.text(name)?.parse().map_err(|_| body.invalid(name, right))
}

fn to_json(order: &Order) -> Value {
    let event = |event: &ShipmentEvent| {
        json!({
            "at": event.at.to_string(),
            "status": event.status.name(),
            "place": event.place,
            "text": event.text,
        })
    };
    json!({
        "order_id": order.id,
        "status": order.tracking_status(),
        "carrier": order.shipment.carrier,
        "waybill": order.shipment.waybill,
        "events": order.shipment.events.iter().map(event).collect::<Vec<_>>(),
    })
}
