//! Which endpoint serves a request: of two picked at random, the one with fewer requests under way.
//!
//! M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001). An endpoint that refused a
//! connection lately is passed over while there is another.

use std::rc::Rc;
use std::time::Duration;

use http_body::Body;

use super::pool::{BodyError, Pool};

/// Picks an endpoint for a request at `now`, never `tried` while there is another.
pub fn pick<'a, B>(
    pools: &'a [Rc<Pool<B>>],
    tried: Option<&Rc<Pool<B>>>,
    now: Duration,
    random: &mut fastrand::Rng,
) -> Option<&'a Rc<Pool<B>>>
where
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    if let [only] = pools {
        return tried.is_none().then_some(only);
    }
    let is_fresh = |pool: &&Rc<Pool<B>>| tried.is_none_or(|tried| !Rc::ptr_eq(tried, pool));
    let one = pick_fresh(pools, random, |pool| is_fresh(&pool) && !pool.is_avoided(now))
        .or_else(|| pick_fresh(pools, random, |pool| is_fresh(&pool)))?;
    let other = pick_fresh(pools, random, |pool| is_fresh(&pool) && !pool.is_avoided(now)).unwrap_or(one);
    Some(if other.in_flight() < one.in_flight() { other } else { one })
}

/// A pool that is acceptable, searched from a random place.
fn pick_fresh<'a, B>(
    pools: &'a [Rc<Pool<B>>],
    random: &mut fastrand::Rng,
    is_acceptable: impl Fn(&Rc<Pool<B>>) -> bool,
) -> Option<&'a Rc<Pool<B>>> {
    let start = random.usize(..pools.len().max(1));
    pools.iter().cycle().skip(start).take(pools.len()).find(|pool| is_acceptable(pool))
}
