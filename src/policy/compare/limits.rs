//! How much may be used beside how much might: each limit and quota by itself, whatever it is called.

use super::change::{Class, Found, Side};
use crate::domain::allowed::{Allowed, AllowedRate, AllowedUse};
use crate::domain::location::Location;
use crate::domain::plan::{LimitKey, PlanVersion, Quantity, Rate};
use crate::policy::snapshot::AddressLimit;

/// Something that may be used up.
struct Bound<'b> {
    part: String,
    allowed: Allowed,
    words: String,
    source: &'b Location,
}

/// Notes how what `after` lets its apps use stands to what `before` does.
pub(super) fn compare(found: &mut Found<'_>, (before, after): (&PlanVersion, &PlanVersion)) {
    let bounds = [before, after].map(|version| {
        let limits = version.limits.iter().map(|limit| {
            let rate = AllowedRate { of: limit.of, per: limit.per, rate: limit.rate };
            by_rate(format!("limit {}", limit.name), rate, &limit.source)
        });
        let quotas = version.quotas.iter().map(|quota| {
            let most = AllowedUse { of: quota.of, every: quota.every, most: quota.most };
            Bound {
                part: format!("quota {}", quota.name),
                allowed: Allowed { limits: Vec::new(), quotas: vec![most] },
                words: format!("{} {} a {}", quota.most, quota.of.name(), quota.every.name()),
                source: &quota.source,
            }
        });
        limits.chain(quotas).collect::<Vec<_>>()
    });
    note(found, &bounds);
}

/// Notes how much each client address may use.
pub(super) fn of_addresses(
    found: &mut Found<'_>,
    (before, after): (Option<&AddressLimit>, Option<&AddressLimit>),
) {
    let bounds = [before, after].map(|limit| {
        let limit = limit.into_iter().map(|limit| {
            let rate = AllowedRate { of: Quantity::Calls, per: LimitKey::App, rate: limit.rate };
            by_rate("address_limit".to_owned(), rate, &limit.source)
        });
        limit.collect::<Vec<_>>()
    });
    note(found, &bounds);
}

fn by_rate(part: String, rate: AllowedRate, source: &Location) -> Bound<'_> {
    let Rate { requests, window, burst } = rate.rate;
    let per = match rate.per {
        LimitKey::App => "",
        LimitKey::AppAndRoute => ", each route by itself",
    };
    let words = format!("{requests} {} in {window:?}, {burst} at once{per}", rate.of.name());
    Bound { part, allowed: Allowed { limits: vec![rate], quotas: Vec::new() }, words, source }
}

fn note(found: &mut Found<'_>, [before, after]: &[Vec<Bound<'_>>; 2]) {
    let all = |bounds: &[Bound<'_>]| Allowed {
        limits: bounds.iter().flat_map(|bound| bound.allowed.limits.clone()).collect(),
        quotas: bounds.iter().flat_map(|bound| bound.allowed.quotas.clone()).collect(),
    };
    let (were, are) = (all(before), all(after));
    let mut parts: Vec<&String> = before.iter().chain(after).map(|bound| &bound.part).collect();
    parts.sort_unstable();
    parts.dedup();
    for part in parts {
        let [old, new] = [before, after].map(|bounds| bounds.iter().find(|bound| bound.part == *part));
        let cuts = new.is_some_and(|new| !new.allowed.is_no_less_than(&were));
        let raises = old.is_some_and(|old| !old.allowed.is_no_less_than(&are));
        let is_same = old.map(|old| &old.words) == new.map(|new| &new.words);
        let class = match (cuts, raises) {
            (true, _) => Class::CutsLimit,
            (false, true) => Class::RaisesLimit,
            (false, false) if is_same => continue,
            (false, false) => Class::Other,
        };
        found.note(class, part.clone(), (side(old), side(new)));
    }
}

fn side<'b>(bound: Option<&Bound<'b>>) -> Side<'b> {
    bound.map(|bound| (bound.words.clone(), bound.source))
}
