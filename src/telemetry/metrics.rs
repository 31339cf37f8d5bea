//! The `/metrics` page: OpenMetrics text, summed over the cores when it is asked for. Labels are names from policy
//! files and closed sets, so their number is bounded by the policies, never by what callers send.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use super::counters::{CoreCounters, LATENCY_BOUNDS, RouteCounters};
use crate::domain::id::RouteName;

/// About as many bytes of the page are a route's.
const ROUTE_BYTES: usize = 1_400;

/// What a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only rises, but for restarts.
    Counter,
    /// It rises and falls.
    Gauge,
}

/// A figure: its name, what it is, what it means, its value.
pub type Figure = (&'static str, Kind, &'static str, u64);

/// Figures of one name that labels tell apart: its name, what it is, what it means, the labels, their values. Those who make
/// one see to it that no value of a label needs escaping.
pub type Series = (&'static str, Kind, &'static str, &'static [&'static str], Vec<(Vec<String>, u64)>);

/// Reads figures that something outside the cores tells: all at once, since some belong together.
pub type Figures = Box<dyn Fn() -> (Vec<Figure>, Vec<Series>) + Send + Sync>;

/// Everything that is measured.
pub struct Metrics {
    cores: Vec<Arc<CoreCounters>>,
    others: Figures,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Metrics({} cores)", self.cores.len())
    }
}

#[derive(Default)]
struct RouteSum {
    by_class: [u64; 6],
    latency: [u64; LATENCY_BOUNDS.len() + 1],
    latency_sum: u64,
    withheld: u64,
}

impl RouteSum {
    fn add(&mut self, counters: &RouteCounters) {
        for (sum, count) in self.by_class.iter_mut().zip(&counters.by_class) {
            *sum += count.get();
        }
        for (sum, count) in self.latency.iter_mut().zip(&counters.latency) {
            *sum += count.get();
        }
        self.latency_sum += counters.latency_sum.get();
        self.withheld += counters.withheld.get();
    }
}

impl Metrics {
    /// The metrics of these cores and the others.
    #[must_use]
    pub fn new(cores: Vec<Arc<CoreCounters>>, others: Figures) -> Self {
        Self { cores, others }
    }

    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut page);
        page
    }

    fn write(&self, page: &mut String) -> std::fmt::Result {
        self.write_routes(page)?;
        self.write_refusals(page)?;
        let sum = |pick: fn(&CoreCounters) -> u64| self.cores.iter().map(|core| pick(core)).sum::<u64>();
        let cores: [Figure; 10] = [
            (
                "tollgate_connections",
                Kind::Gauge,
                "Connections open now.",
                sum(|core| core.connections.get()),
            ),
            (
                "tollgate_connections_parked",
                Kind::Gauge,
                "Open connections that wait for a request with their buffers freed.",
                sum(|core| core.parked.get()),
            ),
            (
                "tollgate_connections_accepted",
                Kind::Counter,
                "Connections accepted.",
                sum(|core| core.accepted.get()),
            ),
            (
                "tollgate_tls_handshakes",
                Kind::Counter,
                "TLS handshakes done.",
                sum(|core| core.tls_handshakes.get()),
            ),
            (
                "tollgate_tls_handshakes_resumed",
                Kind::Counter,
                "TLS handshakes that resumed an earlier session.",
                sum(|core| core.tls_resumed.get()),
            ),
            (
                "tollgate_tls_handshakes_failed",
                Kind::Counter,
                "TLS handshakes that failed, took too long or began in clear text.",
                sum(|core| core.tls_failed.get()),
            ),
            (
                "tollgate_usage_records",
                Kind::Counter,
                "Usage records made, taken by the journal or not.",
                sum(|core| core.usage_records.get()),
            ),
            (
                "tollgate_usage_calls_together",
                Kind::Counter,
                "Refused calls that have no usage record of their own, but share one.",
                sum(|core| core.calls_together.get()),
            ),
            (
                "tollgate_usage_exceptions",
                Kind::Counter,
                "Usage records whose evidence could not be read.",
                sum(|core| core.exceptions.get()),
            ),
            (
                "tollgate_usage_records_lost",
                Kind::Counter,
                "Usage records that the journal did not take.",
                sum(|core| core.lost_records.get()),
            ),
        ];
        let (others, series) = (self.others)();
        cores.into_iter().chain(others).try_for_each(|figure| write_single(page, figure))?;
        series.iter().try_for_each(|series| write_series(page, series))?;
        page.write_str("# EOF\n")
    }

    fn write_routes(&self, page: &mut String) -> std::fmt::Result {
        let mut sums: HashMap<RouteName, RouteSum> = HashMap::new();
        let mut unrouted = RouteSum::default();
        for core in &self.cores {
            core.each_route(|route, counters| sums.entry(route.clone()).or_default().add(counters));
            unrouted.add(&core.unrouted);
        }
        let mut routes: Vec<(&str, &RouteSum)> =
            sums.iter().map(|(route, sum)| (route.as_str(), sum)).collect();
        routes.push(("-", &unrouted));
        routes.sort_unstable_by_key(|(route, _)| *route);
        page.reserve(routes.len() * ROUTE_BYTES);
        page.write_str(
            "# HELP tollgate_requests Answers by route and status class; route - met no route.\n",
        )?;
        page.write_str("# TYPE tollgate_requests counter\n")?;
        for (route, sum) in &routes {
            for (class, count) in sum.by_class.iter().enumerate().filter(|(_, count)| **count > 0) {
                writeln!(page, "tollgate_requests_total{{route=\"{route}\",class=\"{class}xx\"}} {count}")?;
            }
        }
        page.write_str(
            "# HELP tollgate_answers_withheld Answers, by route, that could not be masked or not to their end.\n",
        )?;
        page.write_str("# TYPE tollgate_answers_withheld counter\n")?;
        for (route, sum) in routes.iter().filter(|(_, sum)| sum.withheld > 0) {
            writeln!(page, "tollgate_answers_withheld_total{{route=\"{route}\"}} {}", sum.withheld)?;
        }
        page.write_str("# HELP tollgate_request_seconds From a request's arrival to its answer's end.\n")?;
        page.write_str("# TYPE tollgate_request_seconds histogram\n")?;
        let bounds = LATENCY_BOUNDS.map(|bound| format!("\"{}\"", seconds(bound)));
        routes.iter().for_each(|(route, sum)| write_histogram(page, route, &bounds, sum));
        Ok(())
    }

    fn write_refusals(&self, page: &mut String) -> std::fmt::Result {
        let mut refusals: BTreeMap<&'static str, u64> = BTreeMap::new();
        for core in &self.cores {
            core.each_refusal(|code, count| *refusals.entry(code).or_default() += count);
        }
        page.write_str("# HELP tollgate_refusals Calls that the gateway refused, by code.\n")?;
        page.write_str("# TYPE tollgate_refusals counter\n")?;
        refusals.iter().try_for_each(|(code, count)| {
            writeln!(page, "tollgate_refusals_total{{code=\"{code}\"}} {count}")
        })
    }
}

/// The page has sixteen lines for each route: they are put together from parts, since `write!` costs four times as much.
fn write_histogram(page: &mut String, route: &str, bounds: &[String], sum: &RouteSum) {
    let mut line = |name: &str, more: [&str; 2], value: &str| {
        for part in [name, "{route=\"", route, "\"", more[0], more[1], "} ", value, "\n"] {
            page.push_str(part);
        }
    };
    let mut number = itoa::Buffer::new();
    let mut below = 0;
    for (bound, count) in bounds.iter().zip(&sum.latency) {
        below += count;
        line("tollgate_request_seconds_bucket", [",le=", bound], number.format(below));
    }
    let all: u64 = sum.latency.iter().sum();
    line("tollgate_request_seconds_bucket", [",le=", "\"+Inf\""], number.format(all));
    line("tollgate_request_seconds_sum", ["", ""], &seconds(sum.latency_sum));
    line("tollgate_request_seconds_count", ["", ""], number.format(all));
}

/// Microseconds in seconds.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn write_single(page: &mut String, (name, kind, help, value): Figure) -> std::fmt::Result {
    let suffix = write_kind(page, name, kind, help)?;
    writeln!(page, "{name}{suffix} {value}")
}

fn write_series(page: &mut String, (name, kind, help, labels, values): &Series) -> std::fmt::Result {
    let suffix = write_kind(page, name, *kind, help)?;
    values.iter().try_for_each(|(of, value)| {
        let of = labels.iter().zip(of).map(|(label, of)| format!("{label}=\"{of}\"")).collect::<Vec<_>>();
        writeln!(page, "{name}{suffix}{{{}}} {value}", of.join(","))
    })
}

/// Says what a figure is; gives what its samples' name ends with.
fn write_kind(
    page: &mut String,
    name: &str,
    kind: Kind,
    help: &str,
) -> Result<&'static str, std::fmt::Error> {
    let (kind, suffix) = match kind {
        Kind::Counter => ("counter", "_total"),
        Kind::Gauge => ("gauge", ""),
    };
    writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
    Ok(suffix)
}
