//! What a route's calls are worth beside what they were. Whether another expression comes to more, only calls tell: so it may.

use super::change::{Class, Found, Side};
use crate::domain::transaction::Reach;
use crate::policy::expression::Expression;
use crate::policy::snapshot::{Meter, TransactionMeter};

/// Notes what else is billable, or otherwise.
pub(super) fn compare(found: &mut Found<'_>, (before, after): (Option<&Meter>, Option<&Meter>)) {
    let (Some(old), Some(new)) = (before, after) else {
        let class = if after.is_some() { Class::RaisesPrice } else { Class::LowersPrice };
        if before.is_some() || after.is_some() {
            found.note(class, "meter", (side(before), side(after)));
        }
        return;
    };
    let places = (&old.source, &new.source);
    let (worse, other) = (Class::RaisesPrice, Class::Other);
    found.note_if(worse, "meter when", (when(old), when(new)), places);
    found.note_if(worse, "meter units", (units(old), units(new)), places);
    found.note_if(worse, "meter transaction", (transaction(old), transaction(new)), places);
    let span = |meter: &Meter| meter.idempotent_for.map_or("never".to_owned(), |span| format!("{span:?}"));
    // Calls that come again for longer are free for longer.
    let class = if new.idempotent_for < old.idempotent_for { worse } else { Class::LowersPrice };
    found.note_if(class, "meter idempotent_for", (span(old), span(new)), places);
    let captured = |meter: &Meter| format!("{} bytes", meter.max_capture);
    found.note_if(other, "meter max_capture", (captured(old), captured(new)), places);
}

fn side(meter: Option<&Meter>) -> Side<'_> {
    meter.map(|meter| (format!("{} units, {}", units(meter), transaction(meter)), &meter.source))
}

fn when(meter: &Meter) -> String {
    text(meter.when.as_ref(), "a 2xx answer")
}

fn units(meter: &Meter) -> String {
    text(meter.units.as_ref(), "1")
}

fn text(expression: Option<&Expression>, without: &str) -> String {
    expression.map_or(without, Expression::text).to_owned()
}

/// All that is read of a transaction, part by part.
fn transaction(meter: &Meter) -> String {
    let Some(meter) = &meter.transaction else { return "no transaction".to_owned() };
    let TransactionMeter { id, of, amount, currency, kind, reach, tax, shipping, category, parties } = meter;
    let mut parts = vec![
        format!("{} {}", kind.name(), id.text()),
        format!("{} {}", text(amount.as_ref(), "all of its sale,"), currency.text()),
    ];
    if *reach != Reach::OwnApp {
        parts.push(reach.name().to_owned());
    }
    let named = [("of", of), ("tax", tax), ("shipping", shipping), ("category", category)];
    let named = named.into_iter().filter_map(|(name, one)| Some((name, one.as_ref()?)));
    let parties = parties.iter().map(|(name, partner)| (name.as_str(), partner));
    parts.extend(named.chain(parties).map(|(name, one)| format!("{name} {}", one.text())));
    parts.join("; ")
}
