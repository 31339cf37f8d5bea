//! The paths of the admin API, and the layers around them.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::problem::Problem;
use super::state::AdminState;
use super::{
    answer, app, app_balance, app_quota, app_secret, audit, balance, balance_change, client_certificate,
    closing, credential, doubted_calls, exceptions, explanation, grant, health, introspection, key,
    key_inspection, ledger, linked_account, manual_posting, merchant, named_token, open_exceptions, partner,
    personal_data_read, plan, policy, proof_key, sale, session, signature_key, signing_key, standing,
    statement, subscription, switch, token, usage, waiting_posting,
};
use crate::domain::id::{CertificateId, KeyId, SignatureKeyId};
use crate::domain::identity::{App, Merchant, Partner};

/// The admin API over `state`, to be served on a port that only administrators reach.
pub fn router(state: AdminState) -> Router {
    let state = Arc::new(state);
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .nest("/admin", admin(&state))
        .fallback(no_such_path)
        .method_not_allowed_fallback(method_not_allowed)
        // From the inside out: a panic becomes a problem, and every answer gets its request's id.
        .layer(CatchPanicLayer::custom(answer::panicked))
        .layer(from_fn_with_state(state.clone(), answer::finish))
        .with_state(state)
}

/// What needs the admin token, unknown paths too: without it, nobody learns which there are.
fn admin(state: &Arc<AdminState>) -> Router<Arc<AdminState>> {
    identities()
        .merge(books())
        .route("/plans", get(plan::list))
        .route("/plans/{name}", get(plan::get))
        .route("/products", get(plan::products))
        .route("/tokens", get(named_token::list).post(named_token::create))
        .route("/tokens/{id}", get(named_token::get))
        .route("/tokens/{id}/revoke", post(named_token::revoke))
        .route("/audit", get(audit::list))
        .route("/audit/{number}", get(audit::get))
        .route("/kill-switches", get(switch::list))
        .route("/kill-switches/{kind}/{name}", get(switch::get).put(switch::put).delete(switch::delete))
        .route("/policy", get(policy::status))
        .route("/policy/reload", post(policy::reload))
        .route("/policy/files", get(policy::files))
        .fallback(no_such_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(state.clone(), token::require))
}

fn identities() -> Router<Arc<AdminState>> {
    Router::new()
        .route("/partners", get(partner::list).post(partner::create))
        .route("/partners/{id}", get(partner::get))
        .route("/partners/{id}/suspend", post(standing::suspend::<Partner>))
        .route("/partners/{id}/resume", post(standing::resume::<Partner>))
        .route("/apps", get(app::list).post(app::create))
        .route("/apps/{id}", get(app::get).patch(app::update))
        .route("/apps/{id}/suspend", post(standing::suspend::<App>))
        .route("/apps/{id}/resume", post(standing::resume::<App>))
        .route("/apps/{id}/secrets", get(app_secret::list).post(app_secret::create))
        .route("/apps/{id}/secrets/{secret}/revoke", post(app_secret::revoke))
        .route("/apps/{id}/balances", get(app_balance::list))
        .route("/apps/{id}/quotas", get(app_quota::list))
        .route("/apps/{id}/introspection", get(introspection::get).post(introspection::set))
        .route("/apps/{id}/personal-data-reads", get(personal_data_read::of_app))
        .route(
            "/client-certificates",
            get(credential::list::<CertificateId>).post(client_certificate::create),
        )
        .route("/client-certificates/{id}", get(credential::get::<CertificateId>))
        .route("/client-certificates/{id}/revoke", post(credential::revoke::<CertificateId>))
        .route("/client-certificates/{id}/rotate", post(client_certificate::rotate))
        .route("/keys", get(credential::list::<KeyId>).post(key::create))
        .route("/keys/inspect", post(key_inspection::inspect))
        .route("/keys/{id}", get(credential::get::<KeyId>))
        .route("/keys/{id}/revoke", post(credential::revoke::<KeyId>))
        .route("/keys/{id}/rotate", post(key::rotate))
        .route("/merchants", get(merchant::list).post(merchant::create))
        .route("/merchants/{id}", get(merchant::get))
        .route("/merchants/{id}/suspend", post(standing::suspend::<Merchant>))
        .route("/merchants/{id}/resume", post(standing::resume::<Merchant>))
        .route("/merchants/{id}/password", post(merchant::set_password))
        .route("/merchants/{id}/accounts", get(linked_account::list).post(linked_account::link))
        .route("/merchants/{id}/accounts/unlink", post(linked_account::unlink))
        .route("/merchants/{id}/personal-data-reads", get(personal_data_read::of_merchant))
        .route("/merchants/{id}/sessions", get(session::list))
        .route("/merchants/{id}/sessions/end", post(session::end_all))
        .route("/merchants/{id}/sessions/{session}/end", post(session::end))
        .route("/merchants/{id}/second-factor/remove", post(merchant::remove_second_factor))
        .route("/grants", get(grant::list))
        .route("/grants/{id}", get(grant::get))
        .route("/grants/{id}/revoke", post(grant::revoke))
        .route("/signature-keys", get(credential::list::<SignatureKeyId>).post(signature_key::create))
        .route("/signature-keys/{id}", get(credential::get::<SignatureKeyId>))
        .route("/signature-keys/{id}/revoke", post(credential::revoke::<SignatureKeyId>))
        .route("/signature-keys/{id}/rotate", post(signature_key::rotate))
        .route("/signing-keys", get(signing_key::list).post(signing_key::rotate))
        .route("/signing-keys/{kid}", get(signing_key::get))
        .route("/signing-keys/{kid}/revoke", post(signing_key::revoke))
        .route("/proof-keys", get(proof_key::list).post(proof_key::rotate))
        .route("/proof-keys/{kid}", get(proof_key::get))
        .route("/proof-keys/{kid}/revoke", post(proof_key::revoke))
        .route("/subscriptions", get(subscription::list).post(subscription::create))
        .route("/subscriptions/{id}", get(subscription::get))
        .route("/subscriptions/{id}/end", post(subscription::end))
        .route("/subscriptions/{id}/move", post(subscription::move_to))
}

fn books() -> Router<Arc<AdminState>> {
    Router::new()
        .route("/usage", get(usage::list))
        .route("/usage/{id}", get(usage::get))
        .route("/exceptions", get(open_exceptions::list))
        .route("/exceptions/summary", get(open_exceptions::summary))
        .route("/exceptions/resolve", post(doubted_calls::resolve))
        .route("/exceptions/{id}/resolve", post(exceptions::resolve))
        .route("/statements", get(statement::list).post(closing::close))
        .route("/statements/closings/{period}", get(closing::get))
        .route("/statements/{period}/{app}", get(statement::get))
        .route("/statements/{period}/{app}/content", get(statement::content))
        .route("/statements/{period}/{app}/charges", get(statement::charges))
        .route("/statements/{period}/{app}/explanation", get(explanation::of_line_id))
        .route("/statement-lines/{name}", get(explanation::of_line))
        .route("/balances", get(balance::list).post(balance::create))
        .route("/balances/{id}", get(balance::get))
        .route("/balances/{id}/deposits", post(balance_change::deposit))
        .route("/balances/{id}/withdrawals", post(balance_change::withdraw))
        .route("/balances/{id}/corrections", post(balance_change::correct))
        .route("/balances/{id}/limit", post(balance_change::limit))
        .route("/balances/{id}/end", post(balance_change::end))
        .route("/balances/{id}/give-back", post(balance::give_back))
        .route("/sales/pending", get(sale::pending))
        .route("/sales/waiting", get(sale::waiting))
        .route("/ledger/check", get(ledger::checked))
        .route("/ledger/accounts", get(ledger::accounts))
        .route("/ledger/accounts/{account}/history", get(ledger::history))
        .route("/ledger/postings", post(manual_posting::post))
        .route("/ledger/pending", get(waiting_posting::list))
        .route("/ledger/pending/{cause}/resolve", post(waiting_posting::resolve))
        .route("/ledger/trial-balance", get(ledger::trial_balance))
}

async fn no_such_path() -> Problem {
    Problem::NoSuchPath
}

async fn method_not_allowed() -> Problem {
    Problem::MethodNotAllowed
}
