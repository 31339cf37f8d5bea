//! An amount in parts that add up to it, by the largest remainders. Pure.
//!
//! Each party gets what its weight makes due, rounded down; the minor units that are left go one each to those who lose most
//! by that, of equals to the one that is named first. So the same amount is always split alike.
#![deny(clippy::float_arithmetic)]

use std::cmp::Reverse;

/// Who gets which part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split<P> {
    parts: Vec<(P, u64)>,
    /// The sum of all weights; not zero.
    whole: i128,
}

/// Why nothing can be split so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Nobody has a weight.
    #[error("nobody gets a part")]
    Nobody,
    /// A party is named twice: its place when it is named again, from 1.
    #[error("party {0} of the split is named before it, too")]
    Twice(usize),
}

impl<P: PartialEq> Split<P> {
    /// Parties with their weights, in the order in which equals come first.
    ///
    /// # Errors
    /// [`SplitError`].
    pub fn new(parts: Vec<(P, u64)>) -> Result<Self, SplitError> {
        for (place, (party, _)) in parts.iter().enumerate() {
            if parts[..place].iter().any(|(before, _)| before == party) {
                return Err(SplitError::Twice(place + 1));
            }
        }
        let whole: i128 = parts.iter().map(|(_, weight)| i128::from(*weight)).sum();
        if whole == 0 { Err(SplitError::Nobody) } else { Ok(Self { parts, whole }) }
    }

    /// The parties with their weights, in order.
    #[must_use]
    pub fn weights(&self) -> &[(P, u64)] {
        &self.parts
    }

    /// The part of each, in order. They add up to `minor`, and each has its sign or is zero.
    #[must_use]
    pub fn of(&self, minor: i64) -> Vec<(&P, i64)> {
        // An amount of 63 bits and a weight of 64: the product fits.
        let dues: Vec<i128> =
            self.parts.iter().map(|(_, weight)| i128::from(minor) * i128::from(*weight)).collect();
        let mut shares: Vec<i128> = dues.iter().map(|due| due / self.whole).collect();
        let mut by_loss: Vec<usize> = (0..dues.len()).collect();
        by_loss.sort_by_key(|place| Reverse((dues[*place] % self.whole).abs()));
        let left = i128::from(minor) - shares.iter().sum::<i128>();
        // Fewer units are left than parties have lost something, as each lost less than one.
        for (place, _) in by_loss.into_iter().zip(0..left.abs()) {
            shares[place] += left.signum();
        }
        // No part is larger than the amount: each fits.
        let narrow = |share: i128| i64::try_from(share).unwrap_or(minor);
        self.parts.iter().zip(shares).map(|((party, _), share)| (party, narrow(share))).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[track_caller]
    fn check(weights: &[u64], minor: i64, expected: &[i64]) {
        let split = Split::new(weights.iter().copied().enumerate().collect()).unwrap();
        let parts: Vec<i64> = split.of(minor).into_iter().map(|(_, part)| part).collect();
        assert_eq!(parts, expected, "{minor} by {weights:?}");
    }

    #[test]
    fn what_is_left_goes_to_the_largest_remainders_and_of_equals_to_the_first() {
        check(&[70, 20, 10], 100, &[70, 20, 10]);
        check(&[1, 1, 1], 100, &[34, 33, 33]);
        check(&[1, 1, 1], 101, &[34, 34, 33]);
        check(&[1, 1, 1], -101, &[-34, -34, -33]);
        check(&[10, 20, 70], 1, &[0, 0, 1]);
        check(&[50, 0, 50], 1, &[1, 0, 0]);
        check(&[70, 20, 10], 0, &[0, 0, 0]);
        check(&[u64::MAX, u64::MAX], i64::MIN, &[i64::MIN / 2, i64::MIN / 2]);
        check(&[u64::MAX, 1], i64::MAX, &[i64::MAX, 0]);
    }

    #[test]
    fn a_split_has_somebody_and_nobody_twice() {
        assert_eq!(Split::<u8>::new(Vec::new()), Err(SplitError::Nobody));
        assert_eq!(Split::new(vec![(1, 0), (2, 0)]), Err(SplitError::Nobody));
        let twice = Split::new(vec![("platform", 1), ("partner", 1), ("platform", 1)]).unwrap_err();
        assert_eq!(twice.to_string(), "party 3 of the split is named before it, too");
    }
}
