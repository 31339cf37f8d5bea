//! What both stores promise. Each test of a `contract_*` file is run once on SQLite and once on PostgreSQL.

mod carried_on;
mod carried_on_balances;
mod carried_on_closings;
mod carried_on_counts;
mod carried_on_mismatches;
mod carried_on_parties;
mod carried_on_prices;
mod carried_on_repeats;
mod carried_on_rests;
mod contract_audit;
mod contract_calling;
mod contract_client;
mod contract_client_certificate;
mod contract_credential;
mod contract_device;
mod contract_federation;
mod contract_identity;
mod contract_key;
mod contract_kill_switch;
mod contract_oauth;
mod contract_pages;
mod contract_proof_key;
mod contract_pushed;
mod contract_quota;
mod contract_refresh;
mod contract_second_factor;
mod contract_signature_key;
mod contract_tenure;
mod contract_tokens;
mod first_calls;
mod opening;
mod seed;

/// Declares each test once for each store. A test takes the open store.
macro_rules! contract {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let place = crate::support::stores::Place::sqlite();
                let store = place.open().await;
                super::$test(store.clone()).await;
                store.close().await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let place = crate::support::stores::Place::postgres().await;
                let store = place.open().await;
                super::$test(store.clone()).await;
                store.close().await;
            })+
        }
    };
}
use contract;
