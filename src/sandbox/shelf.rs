//! The products and how many of each are free, reserved and sold.
//!
//! Invariant: only [`Shelf::update`] changes the sum of the three; none of them is ever below zero.

use std::collections::BTreeMap;

use super::problem::Refused;
use super::record::{Item, Product, Wanted};
use super::seed;
use crate::domain::time::Timestamp;

/// All products by id.
#[derive(Debug)]
pub(super) struct Shelf {
    products: BTreeMap<String, Product>,
}

/// What a supplier changes of a product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ProductChange {
    pub(super) name: Option<String>,
    pub(super) name_en: Option<String>,
    pub(super) price: Option<i64>,
    pub(super) stock: Option<i64>,
}

impl Shelf {
    /// The seed products.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            products: seed::products(now).into_iter().map(|product| (product.id.clone(), product)).collect(),
        }
    }

    /// All products by id.
    pub(super) fn products(&self) -> impl Iterator<Item = &Product> {
        self.products.values()
    }

    pub(super) fn product(&self, id: &str) -> Result<&Product, Refused> {
        self.products.get(id).ok_or_else(|| Refused::not_found("product", id))
    }

    pub(super) fn update(
        &mut self,
        id: &str,
        change: ProductChange,
        now: Timestamp,
    ) -> Result<&Product, Refused> {
        let product = self.products.get_mut(id).ok_or_else(|| Refused::not_found("product", id))?;
        let ProductChange { name, name_en, price, stock } = change;
        product.name = name.unwrap_or_else(|| std::mem::take(&mut product.name));
        product.name_en = name_en.unwrap_or_else(|| std::mem::take(&mut product.name_en));
        product.price = price.unwrap_or(product.price);
        product.stock = stock.unwrap_or(product.stock);
        product.updated_at = now;
        Ok(product)
    }

    /// Reserves all that is wanted, or nothing. Gives the items at today's prices and their total.
    pub(super) fn reserve(&mut self, wanted: &[Wanted], now: Timestamp) -> Result<(Vec<Item>, i64), Refused> {
        let (items, total) = self.price(wanted)?;
        self.change(&items, now, |product, quantity| {
            product.stock -= quantity;
            product.reserved += quantity;
        });
        Ok((items, total))
    }

    /// Gives back what an unpaid order held.
    pub(super) fn release(&mut self, items: &[Item], now: Timestamp) {
        self.change(items, now, |product, quantity| {
            product.reserved -= quantity;
            product.stock += quantity;
        });
    }

    /// What was reserved is paid.
    pub(super) fn sell(&mut self, items: &[Item], now: Timestamp) {
        self.change(items, now, |product, quantity| {
            product.reserved -= quantity;
            product.sold += quantity;
        });
    }

    /// What was paid never left, and can be sold again.
    pub(super) fn take_back(&mut self, items: &[Item], now: Timestamp) {
        self.change(items, now, |product, quantity| {
            product.sold -= quantity;
            product.stock += quantity;
        });
    }

    /// The items at today's prices, if there is enough stock of each product over all its lines.
    fn price(&self, wanted: &[Wanted]) -> Result<(Vec<Item>, i64), Refused> {
        let mut items = Vec::with_capacity(wanted.len());
        let mut needed: BTreeMap<&str, i64> = BTreeMap::new();
        let mut total: i64 = 0;
        let too_much = || Refused::invalid("items", "fewer or cheaper items: the total is too large");
        for (at, Wanted { product: id, quantity }) in wanted.iter().enumerate() {
            let product = self.products.get(id).ok_or_else(|| {
                Refused::invalid(&format!("items[{at}].product_id"), "the id of a product of the catalog")
            })?;
            let needed = needed.entry(id).or_default();
            *needed = needed.checked_add(*quantity).ok_or_else(too_much)?;
            if *needed > product.stock {
                return Err(Refused::OutOfStock { product: id.clone(), left: product.stock });
            }
            let line = product.price.checked_mul(*quantity).ok_or_else(too_much)?;
            total = total.checked_add(line).ok_or_else(too_much)?;
            items.push(Item { product: id.clone(), quantity: *quantity, price: product.price });
        }
        Ok((items, total))
    }

    /// Quantities are bounded by the stock that a supplier can set, so that no sum here nears the end of an i64.
    fn change(&mut self, items: &[Item], now: Timestamp, step: impl Fn(&mut Product, i64)) {
        for item in items {
            if let Some(product) = self.products.get_mut(&item.product) {
                step(product, item.quantity);
                product.updated_at = now;
            }
        }
    }
}
