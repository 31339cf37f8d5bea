//! What is billable on a route, and the evidence that is captured of it.

use super::super::expression::{Declared, Expression, FOR_METERS};
use super::super::file::routes::{MeterEntry, TransactionKindName};
use super::super::snapshot::{BodiesRead, Meter, TransactionMeter};
use super::routes::One;
use crate::domain::usage::TransactionKind;

const MAX_CAPTURE: u64 = 256 << 10;
/// The most that a meter may keep of a body.
const CAPTURE_LIMIT: u64 = 4 << 20;

impl One<'_, '_> {
    pub(super) fn meter(&mut self, entry: &MeterEntry) -> Option<Meter> {
        let when = self.optional_expression("/meter/when", entry.when.as_deref());
        let units = self.optional_expression("/meter/units", entry.units.as_deref());
        let transaction = entry.transaction.as_ref().map(|entry| {
            let id = self.expression("/meter/transaction/id", &entry.id, FOR_METERS);
            let of = self.optional_expression("/meter/transaction/of", entry.of.as_deref());
            let amount = self.expression("/meter/transaction/amount", &entry.amount, FOR_METERS);
            let currency = self.expression("/meter/transaction/currency", &entry.currency, FOR_METERS);
            let kind = match entry.kind {
                TransactionKindName::Sale => TransactionKind::Sale,
                TransactionKindName::Refund => TransactionKind::Refund,
            };
            if kind == TransactionKind::Sale && entry.of.is_some() {
                let message = "only a refund is of another transaction".to_owned();
                self.wrong("/meter/transaction/of", message, None);
            }
            Some(TransactionMeter { id: id?, of: of?, amount: amount?, currency: currency?, kind })
        });
        let max_capture = self.size("/meter/max_capture", entry.max_capture.as_ref(), MAX_CAPTURE)?;
        if max_capture > CAPTURE_LIMIT {
            self.wrong("/meter/max_capture", "at most 4MiB of a body can be captured".to_owned(), None);
        }
        let (when, units) = (when?, units?);
        let transaction = match transaction {
            Some(transaction) => Some(transaction?),
            None => None,
        };
        let reads = |variable: &str| {
            let of_transaction = transaction
                .iter()
                .flat_map(|meter| [&meter.id, &meter.amount, &meter.currency].into_iter().chain(&meter.of));
            when.iter()
                .chain(units.iter())
                .chain(of_transaction)
                .any(|expression| expression.reads(variable, "body"))
        };
        let bodies = BodiesRead { request: reads("request"), response: reads("response") };
        let source = self.document.key_location(&format!("{}/meter", self.pointer));
        let max_capture = usize::try_from(max_capture).ok()?;
        Some(Meter { when, units, transaction, bodies, max_capture, source })
    }

    /// `Some(None)` if there is none, `None` if it is wrong.
    fn optional_expression(&mut self, part: &str, text: Option<&str>) -> Option<Option<Expression>> {
        match text {
            Some(text) => self.expression(part, text, FOR_METERS).map(Some),
            None => Some(None),
        }
    }

    pub(super) fn expression(&mut self, part: &str, text: &str, declared: Declared) -> Option<Expression> {
        let location = self.document.location(&format!("{}{part}", self.pointer));
        match Expression::compile(text, location, declared) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.wrong(part, error.message, error.help);
                None
            }
        }
    }
}
