//! What prices come to by fractions of any size: slow, written from what the words mean, and without a line of the program's own
//! arithmetic.

use std::collections::BTreeSet;

use num_rational::BigRational;
use tollgate::domain::money::Rounding;

/// A price for any quantity, in minor units.
#[derive(Debug, Clone)]
pub(super) enum Prices {
    PerUnit(BigRational),
    /// Each band with its last unit; the last band has none.
    Graduated(Vec<Band>),
    Volume(Vec<Band>),
    Package(u64, BigRational),
}

#[derive(Debug, Clone)]
pub(super) struct Band {
    pub(super) ends: Option<u64>,
    pub(super) each: BigRational,
    pub(super) flat: BigRational,
}

pub(super) fn whole(number: impl Into<i128>) -> BigRational {
    let number: i128 = number.into();
    BigRational::from_integer(number.into())
}

/// `digits` × 10^-`scale`.
pub(super) fn decimal(digits: i128, scale: u32) -> BigRational {
    whole(digits) / whole(10_i128.pow(scale))
}

/// What `units` come to.
pub(super) fn comes_to(prices: &Prices, units: u64) -> BigRational {
    match prices {
        Prices::PerUnit(each) => each * whole(units),
        Prices::Package(size, price) => price * (whole(units) / whole(*size)).ceil(),
        Prices::Graduated(bands) => {
            let mut begins = 0;
            let parts = bands.iter().map(|band| {
                let lowest = std::mem::replace(&mut begins, band.ends.unwrap_or(u64::MAX));
                let highest = units.min(band.ends.unwrap_or(u64::MAX));
                match highest.checked_sub(lowest) {
                    None | Some(0) => whole(0),
                    Some(within) => &band.each * whole(within) + &band.flat,
                }
            });
            parts.fold(whole(0), |sum, part| sum + part)
        }
        Prices::Volume(bands) => {
            let band = bands.iter().find(|band| band.ends.is_none_or(|ends| units <= ends)).unwrap();
            if units == 0 { whole(0) } else { &band.each * whole(units) + &band.flat }
        }
    }
}

/// The same, one unit after the other.
pub(super) fn comes_to_by_units(prices: &Prices, units: u64) -> BigRational {
    let band_of = |bands: &[Band], unit: u64| {
        bands.iter().position(|band| band.ends.is_none_or(|ends| unit <= ends)).unwrap()
    };
    let mut sum = whole(0);
    let mut entered = None;
    for unit in 1..=units {
        match prices {
            Prices::PerUnit(each) => sum += each,
            Prices::Package(size, price) if (unit - 1) % size == 0 => sum += price,
            Prices::Package(..) => {}
            Prices::Graduated(bands) => {
                let band = band_of(bands, unit);
                sum += &bands[band].each;
                if entered.replace(band) != Some(band) {
                    sum += &bands[band].flat;
                }
            }
            Prices::Volume(bands) => {
                let band = &bands[band_of(bands, unit)];
                sum = &band.each * whole(unit) + &band.flat;
            }
        }
    }
    sum
}

/// An item of a version's fees.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) name: &'static str,
    /// The routes that it is for; none: all.
    pub(super) routes: Option<Vec<&'static str>>,
    pub(super) free: u64,
    pub(super) prices: Prices,
    pub(super) cap: Option<BigRational>,
    /// From which hour until which, and what each unit costs.
    pub(super) promotions: Vec<(u64, u64, BigRational)>,
}

/// A call: under which version, on which route, in which hour, and how many units.
pub(super) type Used = (usize, &'static str, u64, u64);

/// What each version's items come to, exactly: all calls are summed first, then priced, version by version.
pub(super) fn items_come_to(
    versions: &[Vec<Item>],
    calls: &[Used],
) -> Vec<(usize, &'static str, u64, BigRational)> {
    let mut found = Vec::new();
    let names: BTreeSet<&str> = versions.iter().flatten().map(|item| item.name).collect();
    for name in names {
        let mut allowance_taken = 0;
        for (version, items) in versions.iter().enumerate() {
            let Some(place) = items.iter().position(|item| item.name == name) else { continue };
            let item = &items[place];
            let takes =
                |item: &Item, route: &str| item.routes.as_ref().is_none_or(|routes| routes.contains(&route));
            let is_its = |(of, route, ..): &&Used| {
                *of == version && items.iter().position(|item| takes(item, route)) == Some(place)
            };
            let (mut units, mut sum) = (0, whole(0));
            for (_, _, hour, count) in calls.iter().filter(is_its) {
                match item.promotions.iter().find(|(from, until, _)| from <= hour && hour < until) {
                    Some((_, _, each)) => sum += each * whole(*count),
                    None => units += count,
                }
            }
            let free = item.free.saturating_sub(allowance_taken).min(units);
            allowance_taken += free;
            sum += comes_to(&item.prices, units - free);
            let capped = item.cap.clone().map_or(sum.clone(), |cap| sum.min(cap));
            found.push((version, item.name, free, capped));
        }
    }
    found
}

/// Whole minor units; `None` if they are more than a store holds.
pub(super) fn rounded(value: &BigRational, rounding: Rounding) -> Option<i64> {
    let below = value.floor();
    let half = decimal(5, 1);
    let rest = value - &below;
    let is_odd = !(&below / whole(2)).is_integer();
    let is_up = match rounding {
        Rounding::HalfUp if *value < whole(0) => rest > half,
        Rounding::HalfUp => rest >= half,
        Rounding::HalfEven => rest > half || (rest == half && is_odd),
    };
    let minor = if is_up { below + whole(1) } else { below };
    i64::try_from(minor.to_integer()).ok()
}
