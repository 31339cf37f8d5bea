//! Which items of a share the sales of a route can have: of which category one is, only its call tells.

use super::{Payer, Share, ShareItem};
use crate::domain::id::RouteName;

impl Share {
    /// Those that are for the route, in order, and none behind the first that is for all that is sold.
    pub fn items_of<'s>(&'s self, route: &'s RouteName) -> impl Iterator<Item = &'s ShareItem> {
        let is_for = |item: &&ShareItem| item.routes.is_empty() || item.routes.contains(route);
        let mut is_open = true;
        let is_reached =
            move |item: &&ShareItem| std::mem::replace(&mut is_open, !item.categories.is_empty());
        self.items.iter().filter(is_for).take_while(is_reached)
    }

    /// Whether the partner may owe a share of what is sold by calls of a route.
    #[must_use]
    pub fn may_be_partners(&self, route: &RouteName) -> bool {
        self.items_of(route).any(|item| item.paid_by == Payer::Partner)
    }
}
