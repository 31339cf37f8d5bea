//! The figures of `/metrics` that are about exceptions, balances and quotas.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::admin::ExceptionFigures;
use crate::billing::balance::alerts::PERCENTS;
use crate::limit::balance_purse::BalancePurses;
use crate::limit::quota_purse::QuotaPurses;
use crate::telemetry::metrics::Kind::{Counter, Gauge};
use crate::telemetry::metrics::Series;

/// What nobody has resolved, of all nodes. Of each kind there is a figure, also of one of which there are none.
pub(super) fn open_by_kind(figures: &ExceptionFigures) -> [Series; 2] {
    let of = |figure: fn((&'static str, u64, u64)) -> (&'static str, u64)| {
        let labelled = |(kind, value): (&'static str, u64)| (vec![kind.to_owned()], value);
        figures.by_kind().map(figure).map(labelled).collect::<Vec<_>>()
    };
    [
        (
            "tollgate_exceptions_open",
            Gauge,
            "What could not be rated or read, or waits for too long, of all nodes, and nobody has resolved.",
            &["kind"],
            of(|(kind, open, _)| (kind, open)),
        ),
        (
            "tollgate_exceptions_oldest_seconds",
            Gauge,
            "For how long the oldest of those has been open.",
            &["kind"],
            of(|(kind, _, oldest)| (kind, oldest)),
        ),
    ]
}

/// How often balances were nearly used up, or were.
pub(super) fn used_balances(told: &[AtomicU64; 2]) -> Series {
    let counts = PERCENTS.iter().zip(told);
    (
        "tollgate_balance_alerts",
        Counter,
        "Times that it was told, by any node, that so many percent of a balance were used.",
        &["percent"],
        counts.map(|(percent, count)| (vec![percent.to_string()], count.load(Ordering::Relaxed))).collect(),
    )
}

/// What this node has leased, by what is leased of: merchants' caps are balances, too.
pub(super) fn leased(balances: &BalancePurses, quotas: &QuotaPurses) -> [Series; 2] {
    let of = |of_balances, of_quotas| {
        vec![(vec!["balances".to_owned()], of_balances), (vec!["quotas".to_owned()], of_quotas)]
    };
    [
        (
            "tollgate_purses",
            Gauge,
            "Parts of balances and quotas of which units are leased, or were lately.",
            &["of"],
            of(balances.count(), quotas.count()),
        ),
        (
            "tollgate_purses_refused",
            Counter,
            "Times that another was needed than there may be: its calls are refused until some are forgotten.",
            &["of"],
            of(balances.refused(), quotas.refused()),
        ),
    ]
}
