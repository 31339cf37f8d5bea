//! What any count comes to by a price, and whether another price is dearer for some count. Pure.
//!
//! Between two of its bends a price rises evenly, or by whole packages: so a few counts, those around the bends and those at which
//! packages begin and end, tell of all counts.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::exact::{Exact, ExactError};
use super::ladder::Ladder;

/// Counts above it are not looked at: nobody makes so many calls, nor sells for so many minor units, in a month.
pub const MOST: u64 = 1_000_000_000_000_000;
/// Most packages that are begun before packages of two sizes end together; where more are, it is not looked who is cheaper.
const MOST_PACKAGES: u64 = 4_096;

/// A price of a count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curve {
    /// What those come to that are not free; without a cap of its own.
    pub ladder: Ladder,
    /// So many are free.
    pub free: u64,
    /// So much beside it, if there is any.
    pub fixed: Exact,
    /// At least this, if there is any.
    pub floor: Option<Exact>,
    /// At most this.
    pub cap: Option<Exact>,
    /// How it stands to what is counted.
    pub of: Counted,
}

/// What a price is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Units of work.
    Units,
    /// Minor units of money, of which a part is taken: never more than all.
    Money,
}

/// How a price stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compared {
    /// It is dearer for some count.
    pub is_dearer: bool,
    /// It is cheaper for some count.
    pub is_cheaper: bool,
}

impl Compared {
    /// What cannot be told: it may be both.
    pub const UNKNOWN: Self = Self { is_dearer: true, is_cheaper: true };

    /// Both of two comparisons.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { is_dearer: self.is_dearer || other.is_dearer, is_cheaper: self.is_cheaper || other.is_cheaper }
    }
}

/// An amount, or more than can be counted.
type Worth = Option<Exact>;

impl Curve {
    /// A price by a ladder alone.
    #[must_use]
    pub fn of(ladder: Ladder, of: Counted) -> Self {
        Self { ladder, free: 0, fixed: Exact::ZERO, floor: None, cap: None, of }
    }

    /// No price at all.
    #[must_use]
    pub fn nothing(of: Counted) -> Self {
        Self::of(Ladder::per_unit(Exact::ZERO), of)
    }

    /// Whether counts come to the same together as each by itself.
    #[must_use]
    pub fn is_linear(&self) -> bool {
        let is_plain =
            self.free == 0 && self.fixed == Exact::ZERO && self.floor.is_none() && self.cap.is_none();
        is_plain && self.ladder.is_per_unit()
    }

    /// What a count comes to; none if that is more than can be counted.
    #[must_use]
    pub fn amount(&self, count: u64) -> Option<Exact> {
        if count == 0 {
            return Some(Exact::ZERO);
        }
        let plain = self.plain(count);
        let raised = plain.map(|plain| self.floor.map_or(plain, |floor| plain.max(floor)));
        let least = |worth: Worth, bound: Exact| Some(worth.map_or(bound, |amount| amount.min(bound)));
        let capped = self.cap.map_or(raised, |cap| least(raised, cap));
        match self.of {
            Counted::Units => capped,
            Counted::Money => least(capped, all_of(count)),
        }
    }

    /// How this price stands to `other`, for all counts up to [`MOST`].
    #[must_use]
    pub fn compared_to(&self, other: &Self) -> Compared {
        self.compared_up_to(MOST, other)
    }

    fn compared_up_to(&self, most: u64, other: &Self) -> Compared {
        let sizes = (self.ladder.package(), other.ladder.package());
        let Some(period) = common(sizes).filter(|period| begun(*period, sizes) <= MOST_PACKAGES) else {
            return Compared::UNKNOWN;
        };
        let mut ends = self.bends(most);
        ends.extend(other.bends(most));
        ends.sort_unstable();
        ends.dedup();
        let mut compared = Compared::default();
        let mut from = 0_u64;
        for end in ends {
            // What is added from one period to the next is the same all along: the first and the last tell of those between.
            let first = (from, end.min(from.saturating_add(period)));
            let last = (from.max(end.saturating_sub(period)), end);
            for within in [first, last] {
                compared = compared.and(self.compared_within(within, other));
            }
            from = end;
        }
        compared
    }

    /// The same for all counts behind one up to another, with no bend between.
    fn compared_within(&self, (from, end): (u64, u64), other: &Self) -> Compared {
        let mut counts = vec![from.saturating_add(1), end];
        for curve in [self, other] {
            let size = curve.ladder.package();
            if size == 1 {
                continue;
            }
            let begun = from.saturating_sub(curve.free).checked_div(size).unwrap_or(0);
            let mut ends = curve.free.saturating_add(begun.saturating_mul(size));
            while ends <= end {
                counts.extend([ends, ends.saturating_add(1)]);
                ends = ends.saturating_add(size);
            }
        }
        let is_within = |count: &u64| (from.saturating_add(1)..=end).contains(count);
        counts.into_iter().filter(is_within).fold(Compared::default(), |compared, count| {
            let (one, two) = (self.amount(count), other.amount(count));
            compared.and(Compared { is_dearer: is_more(one, two), is_cheaper: is_more(two, one) })
        })
    }

    /// Without floor and cap.
    fn plain(&self, count: u64) -> Worth {
        let sum =
            |charged: u64| -> Result<Exact, ExactError> { self.ladder.amount(charged)?.plus(self.fixed) };
        sum(count.saturating_sub(self.free)).ok()
    }

    /// The last counts of the stretches within which it rises evenly, or by packages; the last of all is `most`.
    fn bends(&self, most: u64) -> Vec<u64> {
        let mut ends = vec![self.free, most];
        ends.extend(self.ladder.ends().map(|end| end.saturating_add(self.free)));
        let bounds = || [self.floor, self.cap].into_iter().flatten();
        if self.of == Counted::Money {
            ends.extend(bounds().filter_map(|bound| bound.parts(Exact::of_minor(1)).ok()));
        }
        ends.retain(|end| *end > 0 && *end <= most);
        ends.sort_unstable();
        ends.dedup();
        let mut bends = ends.clone();
        let mut from = 0;
        for end in ends {
            let stretch = (from, end);
            let reached = |bound: Exact| move |count| !is_more(Some(bound), self.plain(count));
            bends.extend(bounds().filter_map(|bound| last_without(stretch, reached(bound))));
            if self.of == Counted::Money {
                bends.extend(last_without(stretch, |count| !is_more(self.plain(count), Some(all_of(count)))));
            }
            from = end;
        }
        bends
    }
}

/// So many minor units.
fn all_of(count: u64) -> Exact {
    Exact::of_minor(i64::try_from(count).unwrap_or(i64::MAX))
}

fn is_more(one: Worth, other: Worth) -> bool {
    match (one, other) {
        (one, Some(other)) => one.is_none_or(|one| one > other),
        (_, None) => false,
    }
}

/// The last count behind `from`, up to `end`, of which something is not so that is so of all behind it; none if there is none.
fn last_without((from, end): (u64, u64), is_so: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut without, mut with) = (from.saturating_add(1), end);
    if without >= with || is_so(without) || !is_so(with) {
        return None;
    }
    while with.saturating_sub(without) > 1 {
        let middle = without.midpoint(with);
        if is_so(middle) { with = middle } else { without = middle }
    }
    Some(without)
}

/// The count after which packages of both sizes end together.
fn common((one, two): (u64, u64)) -> Option<u64> {
    let (mut divisor, mut rest) = (one, two);
    while let Some(next) = divisor.checked_rem(rest) {
        (divisor, rest) = (rest, next);
    }
    one.checked_div(divisor)?.checked_mul(two)
}

/// How many packages of two sizes are begun until then.
fn begun(period: u64, (one, two): (u64, u64)) -> u64 {
    let of = |size: u64| if size == 1 { 0 } else { period.checked_div(size).unwrap_or(0) };
    of(one).saturating_add(of(two))
}

#[cfg(test)]
mod tests;
