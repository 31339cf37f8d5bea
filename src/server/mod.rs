//! Sockets and process: listeners, workers, lifecycle, assembly.

pub mod clock;
pub mod random;
