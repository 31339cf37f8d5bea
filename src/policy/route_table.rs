//! Host, method and path → route, by a radix tree: the cost does not grow with the number of routes.

/// The routes by host, method and path.
#[derive(Debug, Default)]
pub struct RouteTable {}
