//! Which endpoint serves a request: of two picked at random, the one with fewer requests under way.
//!
//! M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001). An endpoint that refused a
//! connection lately is passed over while there is another.

use std::rc::Rc;
use std::time::Duration;

use super::pool::Pool;

/// Picks an endpoint for a request at `now`, never `tried` while there is another.
pub fn pick<'a>(
    pools: &'a [Rc<Pool>],
    tried: Option<&Rc<Pool>>,
    now: Duration,
    random: &mut fastrand::Rng,
) -> Option<&'a Rc<Pool>> {
    if let [only] = pools {
        return tried.is_none().then_some(only);
    }
    let is_fresh = |pool: &&Rc<Pool>| tried.is_none_or(|tried| !Rc::ptr_eq(tried, pool));
    let one = pick_fresh(pools, random, |pool| is_fresh(&pool) && !pool.is_avoided(now))
        .or_else(|| pick_fresh(pools, random, |pool| is_fresh(&pool)))?;
    let other = pick_fresh(pools, random, |pool| is_fresh(&pool) && !pool.is_avoided(now)).unwrap_or(one);
    Some(if other.in_flight() < one.in_flight() { other } else { one })
}

/// A pool that is acceptable, searched from a random place.
fn pick_fresh<'a>(
    pools: &'a [Rc<Pool>],
    random: &mut fastrand::Rng,
    is_acceptable: impl Fn(&Rc<Pool>) -> bool,
) -> Option<&'a Rc<Pool>> {
    let start = random.usize(..pools.len().max(1));
    pools.iter().cycle().skip(start).take(pools.len()).find(|pool| is_acceptable(pool))
}
