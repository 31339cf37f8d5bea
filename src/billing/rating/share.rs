//! What of a sale is shared by its plan version, and among whom. Pure.
//!
//! It is a function of the sale alone: so shares of sales add up to the same in whatever order these come.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::HashSet;

use super::call::{Billable, MAX_TRANSACTION};
use super::outcome::Unrated;
use crate::domain::account::Party;
use crate::domain::exact::Exact;
use crate::domain::id::{MerchantId, PartnerId};
use crate::domain::money::{Amount, Currency};
use crate::domain::share::{Held, Payer, Receiver, SaleRate, Share, ShareItem, ShareRate};
use crate::domain::split::Split;
use crate::domain::tariff::Tariff;
use crate::domain::transaction::Transaction;

/// The item of a share that is for a sale, if there is one.
pub(super) fn item<'s>(
    share: &'s Share,
    call: &Billable,
    sale: &Transaction,
) -> Result<Option<&'s ShareItem>, Unrated> {
    let item = share.item(call.route.as_ref(), sale.details.category.as_ref());
    item.map_err(|_| Unrated::Lacks("category"))
}

/// The minor units of which a share is a percentage.
pub(super) fn base(item: &ShareItem, sale: &Transaction) -> Result<i64, Unrated> {
    let held =
        [(item.base.tax, sale.details.tax, "tax"), (item.base.shipping, sale.details.shipping, "shipping")];
    let mut base = sale.amount.minor;
    for (part, minor, name) in held {
        match part {
            Held::In => {}
            Held::Out => {
                let minor = minor.ok_or(Unrated::Lacks(name))?;
                let is_believed = (0..=MAX_TRANSACTION).contains(&minor);
                let left = base.checked_sub(minor).filter(|left| is_believed && *left >= 0);
                base = left.ok_or(Unrated::HoldsMore(name))?;
            }
        }
    }
    Ok(base)
}

/// Whether amounts of a rate can be told beside one in that currency.
pub(super) fn check_currency(rate: &ShareRate, currency: Currency, tariff: &Tariff) -> Result<(), Unrated> {
    if rate.has_amounts() && currency != tariff.currency {
        return Err(Unrated::OtherCurrency { amounts: tariff.currency, currency });
    }
    Ok(())
}

/// The merchant who owes a share, if a merchant does.
pub(super) fn payer(item: &ShareItem, call: &Billable) -> Result<Option<MerchantId>, Unrated> {
    match item.paid_by {
        Payer::Partner => Ok(None),
        Payer::Merchant => call.merchant.clone().map(Some).ok_or(Unrated::Lacks("merchant")),
    }
}

/// What is taken of a base.
pub(super) fn amount(
    rate: &SaleRate,
    (base, currency): (i64, Currency),
    tariff: &Tariff,
) -> Result<Amount, Unrated> {
    let exact = Exact::of_percent(rate.percent)?.times(base)?.plus(Exact::of_minor(rate.fixed))?;
    let rounded = exact.rounded(currency, tariff.rounding)?.minor;
    // Bounds are whole minor units: it is the same to round before.
    let raised = rate.floor.map_or(rounded, |floor| rounded.max(floor));
    let capped = rate.cap.map_or(raised, |cap| raised.min(cap));
    Ok(Amount { minor: capped.min(base), currency })
}

/// Who gets which part of what is taken of a sale; one party that is meant twice gets both, and who gets nothing need not be known.
/// Of the partners that evidence names, `strangers` are none.
pub(super) fn split(
    item: &ShareItem,
    (call, sale): (&Billable, &Transaction),
    strangers: &HashSet<PartnerId>,
) -> Result<Option<Split<Party>>, Unrated> {
    let Some(split) = &item.split else { return Ok(None) };
    let mut parts: Vec<(Party, u64)> = Vec::new();
    for (receiver, weight) in split.weights().iter().filter(|(_, weight)| *weight > 0) {
        let party = party(receiver, (call, sale), strangers)?;
        match parts.iter_mut().find(|(known, _)| *known == party) {
            Some((_, sum)) => *sum = sum.saturating_add(*weight),
            None => parts.push((party, *weight)),
        }
    }
    Split::new(parts).map(Some).map_err(|_| Unrated::TooLarge)
}

fn party(
    receiver: &Receiver,
    (call, sale): (&Billable, &Transaction),
    strangers: &HashSet<PartnerId>,
) -> Result<Party, Unrated> {
    Ok(match receiver {
        Receiver::Platform => Party::Platform,
        Receiver::Partner => Party::Partner(call.partner.clone()),
        Receiver::Merchant => Party::Merchant(call.merchant.clone().ok_or(Unrated::Lacks("merchant"))?),
        Receiver::Named(name) => {
            let partner = sale.details.party(name).filter(|partner| !strangers.contains(*partner)).cloned();
            Party::Partner(partner.ok_or_else(|| Unrated::PartyUnknown(name.clone()))?)
        }
    })
}
