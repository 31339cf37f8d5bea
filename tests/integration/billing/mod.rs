//! From a call to the books.

mod absent;
mod accounts;
mod ahead;
mod announced;
mod balance_caps;
mod balance_changes;
mod balance_leases;
mod balance_shares;
mod balances;
mod books;
mod borne;
mod cancelled;
mod changes;
mod clocks;
mod closing;
mod closing_nodes;
mod crash;
mod damaged_store;
mod doubtful;
mod early;
mod excepted;
mod exceptions;
mod explained;
mod floods;
mod found;
mod heads;
mod histories;
mod in_force;
mod items;
mod kept_sets;
mod kills;
mod kills_closing;
mod late;
mod ledger;
mod lifecycle;
mod manual;
mod many;
mod mismatched;
mod mismatches;
mod months;
mod notice;
mod oracle;
mod outdated;
mod paged;
mod pending;
mod personal_data;
mod priced;
mod quota_leases;
mod rating;
mod recorder;
mod recurring;
pub(crate) mod remembered;
mod repeats;
mod restored;
mod runs;
mod sandboxed;
pub(crate) mod seed;
mod settled;
mod split;
mod tampered;
mod tariffs;
mod tiers;
mod usage_postings;
mod walked;
mod workings;

/// Declares each test once for each store. A test takes the place of a fresh one.
macro_rules! on_both_stores {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::support::stores::Place::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::support::stores::Place::postgres().await).await;
            })+
        }
    };
}
use on_both_stores;
