//! Connections to internal backends: endpoints, pools, balancing.
