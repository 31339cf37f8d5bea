//! What units cost by where they lie in a price.

use rust_decimal::Decimal;

use super::{Band, FeeItem, FeePrice};
use crate::domain::charge::Position;

impl FeeItem {
    /// Where in its price the units lie that come on top of `before`, and what the last of them costs: each, or of a package
    /// the package.
    #[must_use]
    pub fn position(&self, before: u64, after: u64) -> (Position, Decimal) {
        let first = before.saturating_add(1).min(after);
        let bands = self.ladder.band_of(first).zip(self.ladder.band_of(after));
        let position = bands.map_or(Position::Whole, |(first, last)| Position::Bands { first, last });
        let each = match &self.terms.price {
            FeePrice::PerUnit(each) => *each,
            FeePrice::Package { price, .. } => *price,
            FeePrice::Graduated(bands) | FeePrice::Volume(bands) => {
                let is_below = |band: &&Band| band.up_to.is_none_or(|up_to| after <= up_to);
                bands.iter().find(is_below).map_or(Decimal::ZERO, |band| band.each)
            }
        };
        (position, each)
    }

    /// The same of units in the promotion of that place, from 0.
    #[must_use]
    pub fn promoted_position(&self, place: usize) -> (Position, Decimal) {
        let number = u32::try_from(place).unwrap_or(u32::MAX).saturating_add(1);
        let each = self.terms.promotions.get(place).map_or(Decimal::ZERO, |promotion| promotion.each);
        (Position::Promotion(number), each)
    }

    /// What a unit, or a package, costs at a position of the price; none, if the price has none such. Where units come to nothing, they
    /// lie in no band, and are told at what the first costs.
    #[must_use]
    pub fn rate_at(&self, position: Position) -> Option<Decimal> {
        let place = |number: u32| usize::try_from(number.checked_sub(1)?).ok();
        match (position, &self.terms.price) {
            (Position::Promotion(number), _) => Some(self.terms.promotions.get(place(number)?)?.each),
            (Position::Whole, FeePrice::PerUnit(each)) => Some(*each),
            (Position::Whole, FeePrice::Package { price, .. }) => Some(*price),
            (Position::Whole, FeePrice::Graduated(bands) | FeePrice::Volume(bands)) => {
                Some(bands.first()?.each)
            }
            (Position::Bands { last, .. }, FeePrice::Graduated(bands) | FeePrice::Volume(bands)) => {
                Some(bands.get(place(last)?)?.each)
            }
            (Position::Bands { .. }, FeePrice::PerUnit(_) | FeePrice::Package { .. }) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::location::Location;
    use crate::domain::tariff::FeeTerms;

    #[test]
    fn a_position_has_the_rate_that_units_there_are_charged_at() {
        let number = |text: &str| text.parse::<Decimal>().unwrap();
        let band = |up_to, each| Band { up_to, each: number(each), flat: Decimal::ZERO };
        let bands = vec![band(Some(10), "1"), band(Some(20), "0.5"), band(None, "0.1")];
        let source = Location { file: "plans/a.yaml".into(), line: 1, column: 1 };
        let package = FeePrice::Package { size: 7.try_into().unwrap(), price: number("3") };
        for price in [
            FeePrice::PerUnit(number("0.01")),
            FeePrice::Graduated(bands.clone()),
            FeePrice::Volume(bands),
            package,
        ] {
            let terms = FeeTerms { price, ..FeeTerms::calls(Decimal::ZERO, 0, source.clone()) };
            let item = FeeItem::new(terms, "CNY".parse().unwrap()).unwrap();
            for (before, after) in [(0, 0), (0, 1), (3, 10), (10, 11), (9, 25), (20, 20), (1_000, 1_001)] {
                let (position, each) = item.position(before, after);
                assert_eq!(item.rate_at(position), Some(each), "{position} of {before} to {after}");
            }
            assert_eq!(item.rate_at(Position::Promotion(1)), None);
            assert_eq!(item.rate_at(Position::Bands { first: 1, last: 4 }), None);
        }
    }
}
