//! Catalog, order, logistics and payment upstreams to develop against: real HTTP servers with state.
