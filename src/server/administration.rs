//! The admin API of a node: its state, and the figures of its `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;

use super::error::ServerError;
use super::money_figures::{leased, open_by_kind, used_balances};
use super::node::Node;
use super::tls::certificates::Certificates;
use super::tls::client_certificates::ClientAuthorities;
use crate::admin::{self, AdminState, AdminToken, ExceptionFigures};
use crate::billing::ledger::history::PageEnds;
use crate::credential::foreign_issuers as issuers;
use crate::domain::kill_switch::KillSwitch;
use crate::domain::time::Timestamp;
use crate::journal::state::State;
use crate::metering::tally::{Accounts, DrainState};
use crate::outbound::upstream_tokens::Standing;
use crate::policy::kill_switches::KillSwitches;
use crate::telemetry::metrics::Kind::{Counter, Gauge};
use crate::telemetry::metrics::{Figure, Figures, Metrics, Series};

/// The admin API of `node` for those who have `token`.
///
/// # Errors
/// [`ServerError::Secrets`] if the token could be guessed.
pub(super) fn router(node: &Node, token: &str) -> Result<Router, ServerError> {
    let token = AdminToken::new(token).map_err(|error| ServerError::Secrets(error.to_string()))?;
    let services = &node.services;
    let (open_exceptions, unsettled_sales, balance_alerts) = Counted::default();
    let counted = (open_exceptions.clone(), unsettled_sales.clone(), balance_alerts.clone());
    let metrics = Metrics::new(node.counters.clone(), figures(node, counted));
    let (journal, directory) = (node.journal.state().clone(), services.directory.clone());
    Ok(admin::router(AdminState {
        store: services.store.clone(),
        policies: services.live.clone(),
        kill_switches: services.kill_switches.clone(),
        signing_keys: services.signing_keys.clone(),
        proof_keys: services.proof_keys.clone(),
        sealing: services.sealing.clone(),
        invalidation: services.directory.clone(),
        clock: services.clock.clone(),
        random: services.random.clone(),
        token,
        hasher: services.hasher.clone(),
        open_exceptions,
        unsettled_sales,
        balance_alerts,
        histories: PageEnds::default(),
        metrics: Arc::new(move || metrics.render()),
        readiness: Arc::new(move || {
            let why = [
                (journal.is_failing(), "the journal cannot be written"),
                (directory.is_learning(), "the API keys are being learnt"),
                (directory.awaits_issuers(), "the keys of other issuers are being read"),
            ];
            match why.into_iter().find(|(is_so, _)| *is_so) {
                Some((_, why)) => Err(why.to_owned()),
                None => Ok(()),
            }
        }),
    }))
}

/// What is counted in the store: open exceptions, unsettled sales, and what was told of balances.
type Counted = (Arc<ExceptionFigures>, Arc<AtomicU64>, Arc<[AtomicU64; 2]>);

/// What is told of everything but the cores.
fn figures(node: &Node, (open_exceptions, unsettled_sales, balance_alerts): Counted) -> Figures {
    let (journal, drained) = (node.journal.state().clone(), node.drained.clone());
    let (cells, live, directory) =
        (node.cells.clone(), node.services.live.clone(), node.services.directory.clone());
    let (certificates, tokens, oauth) =
        (node.certificates.clone(), node.tokens.clone(), node.services.oauth_counters.clone());
    let switches = node.services.kill_switches.clone();
    let (balances, quotas) = (node.leases.purses.clone(), node.quotas.purses());
    Box::new(move || {
        let mut figures = journal_figures(&journal);
        figures.extend(usage_figures(&journal, &drained));
        figures.extend([
            (
                "tollgate_limiter_cells",
                Gauge,
                "Cells that the limiter holds.",
                u64::try_from(cells.count()).unwrap_or(u64::MAX),
            ),
            (
                "tollgate_api_keys_known",
                Gauge,
                "API keys that are remembered.",
                u64::try_from(directory.keys()).unwrap_or(u64::MAX),
            ),
            (
                "tollgate_api_keys_complete",
                Gauge,
                "1 while it is known which API keys there are, so that guesses are not looked up.",
                u64::from(directory.knows_existing_keys()),
            ),
            (
                "tollgate_api_keys_looked_up",
                Counter,
                "API keys that the store was asked about.",
                directory.looked_up(),
            ),
            (
                "tollgate_tokens_verified",
                Counter,
                "Access tokens whose signature was looked at.",
                directory.verified(),
            ),
            (
                "tollgate_policy_version",
                Gauge,
                "Rises with each policy set that came into force.",
                live.version(),
            ),
            (
                "tollgate_policy_failures",
                Counter,
                "Policy sets that were wrong and changed nothing.",
                live.failures(),
            ),
            (
                "tollgate_policy_refused",
                Gauge,
                "1 while the policy folder holds a set that was refused, and another is in force.",
                u64::from(live.status().last_error.is_some()),
            ),
            (
                "tollgate_sales_unsettled",
                Gauge,
                "Sales whose share is still pending after the time within which their plan has them settled.",
                unsettled_sales.load(Ordering::Relaxed),
            ),
        ]);
        let mut series = token_series(&tokens.standings());
        series.extend(issuer_series(&directory.issuer_standings()));
        series.extend(oauth.series());
        series.extend(switched_off(&switches));
        series.extend(open_by_kind(&open_exceptions));
        series.push(used_balances(&balance_alerts));
        series.extend(leased(&balances, &quotas));
        if let Some(certificates) = &certificates {
            figures.push((
                "tollgate_tls_reload_failures",
                Counter,
                "Times that certificates were read and some were broken; those before them stayed.",
                certificates.failures(),
            ));
            series.push(ends(certificates));
            figures.extend(certificates.clients().into_iter().flat_map(client_figures));
        }
        (figures, series)
    })
}

/// How the access tokens stand that upstreams ask for.
fn token_series(standings: &[Standing]) -> Vec<Series> {
    if standings.is_empty() {
        return Vec::new();
    }
    let of = |figure: fn(&Standing) -> Option<u64>| {
        let named = |standing: &Standing| Some((vec![standing.upstream.to_string()], figure(standing)?));
        standings.iter().filter_map(named).collect::<Vec<_>>()
    };
    let label: &[&str] = &["upstream"];
    vec![
        (
            "tollgate_upstream_token_held",
            Gauge,
            "1 while the gateway has an access token for the upstream that is good.",
            label,
            of(|standing| Some(u64::from(standing.age.is_some()))),
        ),
        (
            "tollgate_upstream_token_age_seconds",
            Gauge,
            "How long ago the upstream's access token was asked for.",
            label,
            of(|standing| standing.age.map(|age| age.as_secs())),
        ),
        (
            "tollgate_upstream_token_requests",
            Counter,
            "Requests for an access token for the upstream that are over.",
            label,
            of(|standing| Some(standing.requests)),
        ),
        (
            "tollgate_upstream_token_failures",
            Counter,
            "Of those, the ones that brought none.",
            label,
            of(|standing| Some(standing.failures)),
        ),
    ]
}

/// How the keys of other issuers stand.
fn issuer_series(standings: &[issuers::Standing]) -> Vec<Series> {
    if standings.is_empty() {
        return Vec::new();
    }
    let of = |figure: fn(&issuers::Standing) -> Option<u64>| {
        let named = |standing: &issuers::Standing| Some((vec![standing.issuer.clone()], figure(standing)?));
        standings.iter().filter_map(named).collect::<Vec<_>>()
    };
    let label: &[&str] = &["issuer"];
    vec![
        (
            "tollgate_issuer_keys",
            Gauge,
            "Keys of another issuer by which its tokens are taken; 0: its tokens are refused.",
            label,
            of(|standing| Some(u64::try_from(standing.keys).unwrap_or(u64::MAX))),
        ),
        (
            "tollgate_issuer_keys_age_seconds",
            Gauge,
            "How long ago the issuer's keys were read.",
            label,
            of(|standing| standing.age.map(|age| age.as_secs())),
        ),
        (
            "tollgate_issuer_key_readings",
            Counter,
            "Readings of the issuer's keys that are over.",
            label,
            of(|standing| Some(standing.readings)),
        ),
        (
            "tollgate_issuer_key_failures",
            Counter,
            "Of those, the ones that failed.",
            label,
            of(|standing| Some(standing.failures)),
        ),
    ]
}

/// What is switched off. A name has no character that needs escaping.
fn switched_off(switches: &KillSwitches) -> Option<Series> {
    let all = switches.all();
    let labelled =
        |switch: &Arc<KillSwitch>| (vec![switch.key.kind.name().to_owned(), switch.key.name.clone()], 1);
    (!all.is_empty()).then(|| {
        (
            "tollgate_switched_off",
            Gauge,
            "1 for each route or upstream that is switched off.",
            &["kind", "name"][..],
            all.iter().map(labelled).collect(),
        )
    })
}

/// Until when certificates are valid, by host.
fn ends(certificates: &Certificates) -> Series {
    let seconds = |end: Timestamp| u64::try_from(end.as_seconds()).unwrap_or(0);
    (
        "tollgate_tls_certificate_not_after_seconds",
        Gauge,
        "Until when the certificate that is shown for a host is valid, in seconds since 1970.",
        &["host"],
        certificates.ends().into_iter().map(|(host, end)| (vec![host], seconds(end))).collect(),
    )
}

/// How the files stand that say who vouches for clients.
fn client_figures(clients: &ClientAuthorities) -> Vec<Figure> {
    let failures = (
        "tollgate_mtls_reload_failures",
        Counter,
        "Times that the authorities of clients were read and a file was broken; what was read of it before stayed.",
        clients.failures(),
    );
    let until = clients.lists_until().map(|until| {
        (
            "tollgate_mtls_revocation_lists_end_seconds",
            Gauge,
            "When the first revocation list ends, in seconds since 1970; what it is about is not vouched for from then on.",
            u64::try_from(until.as_seconds()).unwrap_or(0),
        )
    });
    [Some(failures), until].into_iter().flatten().collect()
}

fn journal_figures(journal: &State) -> Vec<Figure> {
    vec![
        (
            "tollgate_journal_committed",
            Gauge,
            "Sequence of the last usage record on disk.",
            journal.committed(),
        ),
        (
            "tollgate_journal_sync_microseconds",
            Gauge,
            "How long the last sync to the disk took.",
            journal.last_sync_micros(),
        ),
        (
            "tollgate_journal_groups",
            Counter,
            "Groups of records that the journal brought to the disk.",
            journal.groups(),
        ),
        ("tollgate_journal_bytes", Counter, "Bytes that the journal wrote.", journal.bytes()),
        ("tollgate_journal_failures", Counter, "Writes of the journal that failed.", journal.failures()),
        (
            "tollgate_journal_failing",
            Gauge,
            "1 while the journal cannot be written.",
            u64::from(journal.is_failing()),
        ),
        (
            "tollgate_journal_short_of_room",
            Gauge,
            "1 while the disk has no room for the journal's next segment.",
            u64::from(journal.is_short_of_room()),
        ),
        ("tollgate_journal_rejected", Counter, "Records that the journal did not take.", journal.rejected()),
        (
            "tollgate_journal_archived",
            Counter,
            "Segments of the journal that were archived, as all of them is in the books.",
            journal.packed(),
        ),
        ("tollgate_journal_archives", Gauge, "Archived segments of the journal.", journal.archives()),
        ("tollgate_journal_archive_bytes", Gauge, "Their bytes.", journal.archive_bytes()),
        (
            "tollgate_journal_archive_failures",
            Counter,
            "Times that segments could not be archived, or archives not removed; it is tried again.",
            journal.archive_failures(),
        ),
    ]
}

/// Where each usage record is, those from before the start too.
fn usage_figures(journal: &State, drain: &DrainState) -> Vec<Figure> {
    let accounts = Accounts::of(journal, drain);
    vec![
        (
            "tollgate_journal_recorded",
            Gauge,
            "The last record of the journal that is in the books; behind committed by what waits.",
            accounts.tally.position,
        ),
        ("tollgate_usage_accepted", Counter, "Usage records that the journal took.", accounts.accepted),
        ("tollgate_usage_recorded", Counter, "Usage records in the books.", accounts.tally.recorded),
        (
            "tollgate_usage_excepted",
            Counter,
            "Records of the journal that are lost, unreadable or refused by the books: exceptions.",
            accounts.tally.excepted,
        ),
        (
            "tollgate_usage_omissions",
            Counter,
            "Records that stand for calls of which the journal could take none; each is an exception.",
            accounts.tally.omissions,
        ),
        ("tollgate_usage_omitted_calls", Counter, "The calls that those stand for.", accounts.tally.omitted),
        (
            "tollgate_usage_refused",
            Counter,
            "Usage records that the books refused; each is an exception.",
            drain.refused(),
        ),
        ("tollgate_usage_waiting", Gauge, "Usage records on their way to the books.", accounts.waiting),
        (
            "tollgate_usage_unaccounted",
            Gauge,
            "Accepted less recorded, excepted, omissions and waiting: anything but 0 is a fault.",
            accounts.unaccounted,
        ),
        (
            "tollgate_usage_drain_failures",
            Counter,
            "Batches that the books did not take at once.",
            drain.failures(),
        ),
    ]
}
