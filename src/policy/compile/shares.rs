//! Shares of sales in `plans/*.yaml`.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::super::file::plans::VersionEntry;
use super::super::file::shares::{EarnedName, HeldName, PayerName, ShareEntry};
use super::super::file::text::DecimalText;
use super::super::load::Document;
use super::super::source::Kind;
use super::basics::duration;
use super::plans::decimal;
use super::set::Compiling;
use crate::domain::id::{CategoryName, ItemName, RouteName};
use crate::domain::money::{Amount, Currency};
use crate::domain::share::{Base, Earned, Held, Payer, Receiver, SaleRate, Share, ShareItem, ShareRate};
use crate::domain::split::Split;
use crate::domain::tiers::Walk;

/// Largest weight of a split.
const MAX_WEIGHT: u64 = 1_000_000;

/// The share of a plan version; none if it has none, or if that is wrong.
pub(super) fn compile(
    compiling: &mut Compiling<'_>,
    document: &Document,
    (pointer, currency): (&str, Currency),
    entry: &VersionEntry,
) -> Option<Share> {
    let mut items: Vec<ShareItem> = Vec::new();
    if let Some(only) = &entry.share {
        if !entry.shares.is_empty() {
            let message = "a version has a share or shares, not both".to_owned();
            let help = "write the share as the last of the shares".to_owned();
            compiling.wrong(document, &format!("{pointer}/share"), message, Some(help));
        }
        let one = One { compiling: &mut *compiling, document, pointer: format!("{pointer}/share"), currency };
        items.extend(one.item(only, Some(ItemName::of_share())));
    }
    for (index, entry) in entry.shares.iter().enumerate() {
        let pointer = format!("{pointer}/shares/{index}");
        let one = One { compiling: &mut *compiling, document, pointer: pointer.clone(), currency };
        let Some(item) = one.item(entry, None) else { continue };
        if let Some(first) = items.iter().find(|other| other.name == item.name) {
            compiling.taken(document, &pointer, &format!("share {}", item.name), &first.source.clone());
        }
        items.push(item);
    }
    (!items.is_empty()).then_some(Share { items })
}

/// One item on its way.
pub(super) struct One<'c, 'd, 'f> {
    pub(super) compiling: &'c mut Compiling<'d>,
    pub(super) document: &'f Document,
    pub(super) pointer: String,
    pub(super) currency: Currency,
}

impl One<'_, '_, '_> {
    fn item(mut self, entry: &ShareEntry, unnamed: Option<ItemName>) -> Option<ShareItem> {
        let name = self.name(entry.item.as_deref(), unnamed);
        let categories = self.categories(&entry.categories);
        let routes = self.routes(&entry.routes);
        let (rate, part) = self.rate(entry);
        let paid_by = match entry.paid_by {
            None | Some(PayerName::Partner) => Payer::Partner,
            Some(PayerName::Merchant) => Payer::Merchant,
        };
        let split = self.split(&entry.split);
        let earned = match entry.earned {
            None | Some(EarnedName::OnSale) => Earned::OnSale,
            Some(EarnedName::OnSettlement) => Earned::OnSettlement,
        };
        let at_span = format!("{}/settles_within", self.pointer);
        let settles_within = match &entry.settles_within {
            None => Some(None),
            Some(text) => duration(self.compiling, self.document, &at_span, text).map(Some),
        };
        if settles_within.flatten().is_some_and(|span| span.subsec_nanos() > 0) {
            let message = "how long a sale may wait is kept in whole seconds".to_owned();
            self.wrong("settles_within", message, Some("write it like 45d".to_owned()));
        }
        if entry.settles_within.is_some() && earned == Earned::OnSale {
            let message = "what is earned with the sale waits for no settlement".to_owned();
            self.wrong("settles_within", message, Some("add earned: on-settlement".to_owned()));
        }
        let held = |name: Option<HeldName>| match name {
            None | Some(HeldName::In) => Held::In,
            Some(HeldName::Out) => Held::Out,
        };
        Some(ShareItem {
            name: name?,
            categories: categories?,
            routes: routes?,
            base: Base { tax: held(entry.base.tax), shipping: held(entry.base.shipping) },
            rate: rate?,
            paid_by,
            split: split?,
            earned,
            settles_within: settles_within?,
            source: self.document.key_location(&format!("{}/{part}", self.pointer)),
        })
    }

    /// How much is taken, and what says so.
    fn rate(&mut self, entry: &ShareEntry) -> (Option<ShareRate>, &'static str) {
        match (&entry.percent, &entry.graduated, &entry.volume) {
            (Some(percent), None, None) => (self.of_each(entry, percent).map(ShareRate::PerSale), "percent"),
            (None, Some(bands), None) => (self.tiers(entry, (Walk::Graduated, bands)), "graduated"),
            (None, None, Some(bands)) => (self.tiers(entry, (Walk::Volume, bands)), "volume"),
            (None, None, None) => {
                let message = "a share says how much is taken: percent, graduated or volume".to_owned();
                let pointer = self.pointer.clone();
                self.compiling.wrong(
                    self.document,
                    &pointer,
                    message,
                    Some("write it like percent: 2.5".to_owned()),
                );
                (None, "percent")
            }
            (percent, _, _) => {
                let message = "a share has one of percent, graduated and volume".to_owned();
                let help = "make what takes something else an item of its own".to_owned();
                self.wrong(if percent.is_some() { "percent" } else { "volume" }, message, Some(help));
                (None, "percent")
            }
        }
    }

    /// What is taken of each sale by itself.
    fn of_each(&mut self, entry: &ShareEntry, percent: &DecimalText) -> Option<SaleRate> {
        self.refuse_terms_of_tiers(entry);
        let percent = self.percent("percent", percent);
        let fixed = self.amount("fixed", entry.fixed.as_ref());
        let floor = self.amount("floor", entry.floor.as_ref());
        let cap = self.amount("cap", entry.cap.as_ref());
        if floor.flatten().zip(cap.flatten()).is_some_and(|(floor, cap)| floor > cap) {
            self.wrong("floor", "the floor is above the cap".to_owned(), None);
        }
        Some(SaleRate { percent: percent?, fixed: fixed?.unwrap_or(0), floor: floor?, cap: cap? })
    }

    pub(super) fn percent(&mut self, part: &str, text: &DecimalText) -> Option<Decimal> {
        let at = format!("{}/{part}", self.pointer);
        decimal(self.compiling, self.document, &at, text.decimal(), Decimal::ONE_HUNDRED)
    }

    pub(super) fn wrong(&mut self, part: &str, message: String, help: Option<String>) {
        self.compiling.wrong(self.document, &format!("{}/{part}", self.pointer), message, help);
    }

    fn name(&mut self, text: Option<&str>, unnamed: Option<ItemName>) -> Option<ItemName> {
        match (text, unnamed) {
            (Some(text), _) => {
                let pointer = format!("{}/item", self.pointer);
                self.compiling.take(self.document, &pointer, ItemName::new(text))
            }
            (None, Some(unnamed)) => Some(unnamed),
            (None, None) => {
                let message = "each of several shares has a name".to_owned();
                let help = Some("write it like item: digital".to_owned());
                self.compiling.wrong(self.document, &self.pointer, message, help);
                None
            }
        }
    }

    fn categories(&mut self, texts: &[String]) -> Option<Vec<CategoryName>> {
        let mut names = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            let pointer = format!("{}/categories/{index}", self.pointer);
            names.extend(self.compiling.take(self.document, &pointer, CategoryName::new(text)));
        }
        (names.len() == texts.len()).then_some(names)
    }

    fn routes(&mut self, texts: &[String]) -> Option<Vec<RouteName>> {
        let mut names = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            let pointer = format!("{}/routes/{index}", self.pointer);
            self.compiling.dangling(self.document, &pointer, Kind::Routes, text);
            names.extend(self.compiling.take(self.document, &pointer, RouteName::new(text)));
        }
        (names.len() == texts.len()).then_some(names)
    }

    /// Minor units of the version's currency; `Some(None)` if there is none.
    pub(super) fn amount(&mut self, part: &str, text: Option<&DecimalText>) -> Option<Option<i64>> {
        let Some(text) = text else { return Some(None) };
        let currency = self.currency;
        let amount = text.decimal().filter(|value| !value.is_sign_negative() || value.is_zero());
        let amount = amount.and_then(|value| Amount::exact(value, currency).ok());
        if amount.is_none() {
            let digits = currency.exponent();
            let message = format!(
                "this must be an amount in {currency}: at least 0, and up to {digits} digits after the point"
            );
            self.wrong(part, message, None);
        }
        amount.map(|amount| Some(amount.minor))
    }

    /// `Some(None)` if there is none.
    fn split(&mut self, weights: &BTreeMap<String, u64>) -> Option<Option<Split<Receiver>>> {
        if weights.is_empty() {
            return Some(None);
        }
        let mut parts = Vec::with_capacity(weights.len());
        for (name, weight) in weights {
            let part = format!("split/{name}");
            let receiver = Receiver::named(name);
            if receiver.is_none() {
                self.wrong(&part, format!("{name:?} is no name of a party"), None);
            }
            if *weight > MAX_WEIGHT {
                self.wrong(&part, format!("a weight is at most {MAX_WEIGHT}"), None);
            }
            parts.extend(receiver.map(|receiver| (receiver, *weight)));
        }
        if parts.len() < weights.len() {
            return None;
        }
        let split = Split::new(parts);
        split.map_err(|error| self.wrong("split", error.to_string(), None)).ok().map(Some)
    }
}
