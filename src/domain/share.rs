//! Revenue shares: what a platform takes of the sales that pass through it, when that is earned, and who gets which part.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;

use super::id::{CategoryName, ItemName, PartyName, RouteName};
use super::location::Location;
use super::money::{Amount, Currency};
use super::split::Split;
use super::tiers::Tiers;

mod curve;
mod percents;
mod reached;

/// The revenue share of a plan version: items, of which a sale has the first that is for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// The items in the order of the file; never empty.
    pub items: Vec<ShareItem>,
}

/// One rule of a revenue share.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareItem {
    /// Its name, unique in its plan version.
    pub name: ItemName,
    /// What must have been sold; anything, if it names nothing.
    pub categories: Vec<CategoryName>,
    /// The routes by which; any, if it names none.
    pub routes: Vec<RouteName>,
    /// Of what it is a percentage.
    pub base: Base,
    /// How much it is.
    pub rate: ShareRate,
    /// Who owes it.
    pub paid_by: Payer,
    /// Who gets which part; all of it is the platform's, if nobody is named.
    pub split: Option<Split<Receiver>>,
    /// When it is earned.
    pub earned: Earned,
    /// How long a sale may wait for its settlement before someone should ask; for ever, if it says nothing.
    pub settles_within: Option<Duration>,
    /// Where it stands.
    pub source: Location,
}

/// Whether something that an amount holds is shared, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Held {
    /// It is.
    #[default]
    In,
    /// It is not.
    Out,
}

/// What of a sale's amount is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Base {
    /// Its tax.
    pub tax: Held,
    /// Its shipping.
    pub shipping: Held,
}

/// How much is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShareRate {
    /// Of each sale by itself.
    PerSale(SaleRate),
    /// Of what many sales come to together.
    Tiers(Arc<Tiers>),
}

impl ShareRate {
    /// A percentage of each sale, and nothing else.
    #[must_use]
    pub fn percent(percent: Decimal) -> Self {
        Self::PerSale(SaleRate::percent(percent))
    }

    /// The percentage, if it is one for all sales.
    #[must_use]
    pub fn one_percent(&self) -> Option<Decimal> {
        match self {
            Self::PerSale(rate) => Some(rate.percent),
            Self::Tiers(_) => None,
        }
    }

    /// The tiers, if there are.
    #[must_use]
    pub fn tiers(&self) -> Option<&Arc<Tiers>> {
        match self {
            Self::PerSale(_) => None,
            Self::Tiers(tiers) => Some(tiers),
        }
    }

    /// Whether it has amounts, which are of one currency.
    #[must_use]
    pub fn has_amounts(&self) -> bool {
        match self {
            Self::PerSale(rate) => rate.has_amounts(),
            Self::Tiers(tiers) => tiers.has_amounts(),
        }
    }

    /// It in words, with amounts of that currency; none if a percentage says all.
    #[must_use]
    pub fn words(&self, currency: Currency) -> Option<Arc<str>> {
        match self {
            Self::PerSale(rate) => rate.has_amounts().then(|| rate.spelled_out(currency).into()),
            Self::Tiers(tiers) => Some(tiers.words().clone()),
        }
    }

    /// The same, said also if it is a percentage alone.
    #[must_use]
    pub fn price_in_words(&self, currency: Currency) -> String {
        match self {
            Self::PerSale(rate) => rate.spelled_out(currency),
            Self::Tiers(tiers) => tiers.words().to_string(),
        }
    }
}

/// How much is taken of a sale: `percent` of the base and `fixed`, at least `floor`, at most `cap`, and never more than the
/// base. Amounts are minor units of the tariff's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleRate {
    /// Percentage of the base, 0 to 100.
    pub percent: Decimal,
    /// So much of each sale.
    pub fixed: i64,
    /// At least this.
    pub floor: Option<i64>,
    /// At most this.
    pub cap: Option<i64>,
}

impl SaleRate {
    /// A percentage, and nothing else.
    #[must_use]
    pub fn percent(percent: Decimal) -> Self {
        Self { percent, fixed: 0, floor: None, cap: None }
    }

    /// Whether it has amounts, which are of one currency.
    #[must_use]
    pub fn has_amounts(&self) -> bool {
        self.fixed != 0 || self.floor.is_some() || self.cap.is_some()
    }

    /// Such as `2.5% and 0.30; at least 0.50; at most 50.00`.
    fn spelled_out(&self, currency: Currency) -> String {
        let money = |minor: i64| Amount { minor, currency };
        let mut text = format!("{}%", self.percent.normalize());
        // Writing to a text cannot fail.
        if self.fixed != 0 {
            let _ = write!(text, " and {}", money(self.fixed));
        }
        if let Some(floor) = self.floor {
            let _ = write!(text, "; at least {}", money(floor));
        }
        if let Some(cap) = self.cap {
            let _ = write!(text, "; at most {}", money(cap));
        }
        text
    }
}

/// Who owes a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Payer {
    /// The partner whose app made the sale.
    #[default]
    Partner,
    /// The merchant for whom it was made.
    Merchant,
}

impl Payer {
    /// The name used in policies and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Merchant => "merchant",
        }
    }

    /// That of this [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Partner, Self::Merchant].into_iter().find(|payer| payer.name() == name)
    }
}

/// Who gets a part of a share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// The platform.
    Platform,
    /// The partner whose app made the sale. It mostly owes the share, and is owed its part of it.
    Partner,
    /// The merchant for whom it was made.
    Merchant,
    /// The partner that the sale's evidence has under that name.
    Named(PartyName),
}

impl Receiver {
    /// The name used in policies and in the store; a party's own for the last.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Platform => "platform",
            Self::Partner => "partner",
            Self::Merchant => "merchant",
            Self::Named(name) => name.as_str(),
        }
    }

    /// That of this [`Self::name`]; none if no party can be called so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "platform" => Self::Platform,
            "partner" => Self::Partner,
            "merchant" => Self::Merchant,
            other => Self::Named(PartyName::new(other).ok()?),
        })
    }
}

/// When a share is earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Earned {
    /// With the sale.
    #[default]
    OnSale,
    /// As far as settlements say that the sale's money moved; until then it is pending.
    OnSettlement,
}

impl Earned {
    /// The name used in policies and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OnSale => "on-sale",
            Self::OnSettlement => "on-settlement",
        }
    }

    /// That of this [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::OnSale, Self::OnSettlement].into_iter().find(|earned| earned.name() == name)
    }
}

/// There is an item for some categories, and what was sold is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CategoryUnknown;

impl Share {
    /// A percentage of every sale, earned at once and all the platform's.
    #[must_use]
    pub fn of_percent(percent: Decimal, source: Location) -> Self {
        let (name, rate) = (ItemName::of_share(), ShareRate::percent(percent));
        Self { items: vec![ShareItem::new(name, rate, source)] }
    }

    /// The first item that is for a sale by a route, of a category.
    ///
    /// # Errors
    /// [`CategoryUnknown`] if that hangs on a category that is not known.
    pub fn item(
        &self,
        route: Option<&RouteName>,
        category: Option<&CategoryName>,
    ) -> Result<Option<&ShareItem>, CategoryUnknown> {
        let of_route = |item: &&ShareItem| {
            item.routes.is_empty() || route.is_some_and(|route| item.routes.contains(route))
        };
        for item in self.items.iter().filter(of_route) {
            match category {
                _ if item.categories.is_empty() => return Ok(Some(item)),
                None => return Err(CategoryUnknown),
                Some(category) if item.categories.contains(category) => return Ok(Some(item)),
                Some(_) => {}
            }
        }
        Ok(None)
    }

    /// The item of that name.
    #[must_use]
    pub fn item_named(&self, name: &ItemName) -> Option<&ShareItem> {
        self.items.iter().find(|item| item.name == *name)
    }

    /// The tiers of that item, if it has any.
    #[must_use]
    pub fn tiers_of(&self, item: &ItemName) -> Option<&Arc<Tiers>> {
        self.item_named(item).and_then(|item| item.rate.tiers())
    }

    /// Whether two shares take the same of the same sales; where they stand does not matter.
    #[must_use]
    pub fn is_same_price(&self, other: &Self) -> bool {
        let placed =
            |item: &ShareItem, source: &Location| ShareItem { source: source.clone(), ..item.clone() };
        self.items.len() == other.items.len()
            && self.items.iter().zip(&other.items).all(|(one, other)| *one == placed(other, &one.source))
    }
}

impl ShareItem {
    /// An item for every sale, earned at once and all the platform's.
    #[must_use]
    pub fn new(name: ItemName, rate: ShareRate, source: Location) -> Self {
        Self {
            name,
            categories: Vec::new(),
            routes: Vec::new(),
            base: Base::default(),
            rate,
            paid_by: Payer::Partner,
            split: None,
            earned: Earned::OnSale,
            settles_within: None,
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn item(name: &str, routes: &[&str], categories: &[&str]) -> ShareItem {
        let source = Location { file: "plans/p.yaml".into(), line: 1, column: 1 };
        ShareItem {
            routes: routes.iter().map(|name| RouteName::new(name).unwrap()).collect(),
            categories: categories.iter().map(|name| CategoryName::new(name).unwrap()).collect(),
            ..ShareItem::new(ItemName::new(name).unwrap(), ShareRate::percent(Decimal::ONE), source)
        }
    }

    #[test]
    fn a_rate_with_amounts_is_told_in_words() {
        let currency = "CNY".parse().unwrap();
        let rate = SaleRate {
            fixed: 30,
            floor: Some(50),
            cap: Some(5_000),
            ..SaleRate::percent(Decimal::new(250, 2))
        };
        let words = ShareRate::PerSale(rate).words(currency);
        assert_eq!(words.as_deref(), Some("2.5% and 0.30; at least 0.50; at most 50.00"));
        assert_eq!(ShareRate::percent(Decimal::ONE).words(currency), None);
    }

    #[test]
    fn a_sale_has_the_first_item_that_is_for_it() {
        let share = Share {
            items: vec![
                item("other", &["other"], &[]),
                item("digital", &[], &["ebook", "music"]),
                item("rest", &[], &["pen"]),
            ],
        };
        let chosen = |route: &str, category: Option<&str>| {
            let category = category.map(|name| CategoryName::new(name).unwrap());
            let item = share.item(Some(&RouteName::new(route).unwrap()), category.as_ref());
            item.map(|item| item.map(|item| item.name.as_str().to_owned()))
        };
        assert_eq!(chosen("other", None), Ok(Some("other".to_owned())));
        assert_eq!(chosen("order", Some("music")), Ok(Some("digital".to_owned())));
        assert_eq!(chosen("order", Some("pen")), Ok(Some("rest".to_owned())));
        assert_eq!(chosen("order", Some("ship")), Ok(None));
        assert_eq!(chosen("order", None), Err(CategoryUnknown));
        let is_partners =
            |share: &Share| ["order", "other"].map(|route| share.may_be_partners(&route.parse().unwrap()));
        let mut share = share;
        assert_eq!(is_partners(&share), [true, true]);
        share.items[0].paid_by = Payer::Merchant;
        assert_eq!(is_partners(&share), [true, false], "the others are not reached");
    }
}
