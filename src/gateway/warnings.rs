//! Warnings of one core about routes: of each route one a minute, which says how many were left out since the one before. So what
//! each call of a route brings about fills no log.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use crate::domain::id::RouteName;

/// Time between two warnings about a route.
const APART: Duration = Duration::from_secs(60);
/// How long it is remembered that some were left out.
const REMEMBERED_FOR: Duration = Duration::from_secs(3_600);

/// Warnings that were given of late. There are no more of them than routes.
#[derive(Debug, Default)]
pub struct Warnings(RefCell<HashMap<RouteName, Last>>);

/// The last warning about a route.
#[derive(Debug)]
struct Last {
    at: Duration,
    left_out: u64,
}

impl Warnings {
    /// Whether there may be one more about `route` at `now`, a monotonic time; if so, how many were left out since the last one.
    pub fn next(&self, route: &RouteName, now: Duration) -> Option<u64> {
        let mut routes = self.0.borrow_mut();
        match routes.get_mut(route) {
            Some(last) if now.saturating_sub(last.at) < APART => {
                last.left_out = last.left_out.saturating_add(1);
                None
            }
            Some(last) => {
                last.at = now;
                Some(std::mem::take(&mut last.left_out))
            }
            None => {
                routes.insert(route.clone(), Last { at: now, left_out: 0 });
                Some(0)
            }
        }
    }

    /// Forgets routes of which there was none for long.
    pub fn sweep(&self, now: Duration) {
        self.0.borrow_mut().retain(|_, last| now.saturating_sub(last.at) < REMEMBERED_FOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_one_a_minute_that_says_how_many_were_left_out() {
        let (warnings, minute) = (Warnings::default(), |number: u64| Duration::from_secs(60 * number));
        let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
        assert_eq!(warnings.next(&one, minute(1)), Some(0));
        for _ in 0..3 {
            assert_eq!(warnings.next(&one, minute(2) - Duration::from_millis(1)), None);
        }
        assert_eq!(warnings.next(&other, minute(1)), Some(0));
        assert_eq!((warnings.next(&one, minute(2)), warnings.next(&one, minute(2))), (Some(3), None));
        assert_eq!(warnings.next(&one, minute(3)), Some(1));
        warnings.sweep(minute(62));
        assert_eq!(warnings.0.borrow().len(), 1, "the other one was long ago");
    }
}
