//! The billing part of `platform.yaml`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::billing_terms::{BillingTerms, CloseRule};
use super::super::file::billing::{BillingSection, CloseName};
use super::super::load::Document;
use super::basics::duration;
use super::set::Compiling;

/// Beyond that, the next period has ended too.
const GRACE: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(35 * 24 * 3600);

pub(super) fn terms(
    compiling: &mut Compiling<'_>,
    document: &Document,
    section: &BillingSection,
) -> Option<BillingTerms> {
    let grace = match &section.grace {
        Some(text) => Some(duration(compiling, document, "/billing/grace", text)?),
        None => None,
    };
    if grace.is_some_and(|grace| !GRACE.contains(&grace)) {
        compiling.wrong(document, "/billing/grace", "it is 1m to 35d".to_owned(), None);
        return None;
    }
    let close = match section.close {
        CloseName::ByHand => CloseRule::ByHand,
        CloseName::AfterGrace => CloseRule::AfterGrace,
    };
    if close == CloseRule::AfterGrace && grace.is_none() {
        let message = "nothing says how long the grace is: the last calls of a period are in the books a while after its end";
        let help = Some("add `grace: 72h`".to_owned());
        compiling.wrong(document, "/billing/close", message.to_owned(), help);
        return None;
    }
    Some(BillingTerms { grace: grace.unwrap_or_default(), close })
}
