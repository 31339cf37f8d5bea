//! Units of an item, added up from what the books have of them.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use crate::domain::running_total::Units;
use crate::store::billed_fee::UnitCount;

/// Most promotions of an item that are believed.
const MAX_PROMOTIONS: usize = 10_000;

/// Units on the way to a sum, in which there may be fewer than none: what is not free any more may come before what was.
#[derive(Debug, Clone, Default)]
pub(in crate::billing) struct Counting {
    all: i64,
    free: i64,
    promoted: Vec<i64>,
}

impl Counting {
    /// Adds some; none if they cannot be counted.
    pub(in crate::billing) fn add(&mut self, count: UnitCount) -> Option<()> {
        match usize::try_from(count.promotion).ok()?.checked_sub(1) {
            None => {
                self.all = self.all.checked_add(count.units)?;
                self.free = self.free.checked_add(count.free)?;
            }
            Some(place) if place < MAX_PROMOTIONS => {
                self.promoted.resize(self.promoted.len().max(place.saturating_add(1)), 0);
                let units = self.promoted.get_mut(place)?;
                *units = units.checked_add(count.units)?;
            }
            Some(_) => return None,
        }
        Some(())
    }

    /// All of them; none if there are fewer than none.
    pub(in crate::billing) fn units(&self) -> Option<Units> {
        let count = |units: i64| u64::try_from(units).ok();
        let promoted = self.promoted.iter().map(|units| count(*units)).collect::<Option<_>>()?;
        Some(Units { all: count(self.all)?, free: count(self.free)?, promoted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_added_up_by_promotion_and_never_come_to_fewer_than_none() {
        let count = |promotion, units, free| UnitCount { promotion, units, free };
        let sum = |counts: &[UnitCount]| {
            let mut counting = Counting::default();
            counts.iter().try_for_each(|one| counting.add(*one))?;
            counting.units()
        };
        let units = |all, free, promoted: &[u64]| Some(Units { all, free, promoted: promoted.to_vec() });
        assert_eq!(sum(&[]), units(0, 0, &[]));
        let walked = [count(0, 0, -3), count(2, 7, 0), count(0, 10, 5)];
        assert_eq!(sum(&walked), units(10, 2, &[0, 7]));
        assert_eq!(sum(&walked[..2]), None);
        for wrong in [count(-1, 1, 0), count(10_001, 1, 0)] {
            assert_eq!(sum(&[wrong]), None, "{wrong:?}");
        }
        assert_eq!(sum(&[count(0, i64::MAX, 0), count(0, 1, 0)]), None);
    }
}
