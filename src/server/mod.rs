//! Sockets and process: listeners, workers, lifecycle, assembly.

pub mod admin_port;
mod administration;
pub mod clock;
pub mod connection;
pub mod control_plane;
pub mod demo;
pub mod dev;
pub mod error;
mod housekeeping;
pub mod lifecycle;
pub mod listener;
pub mod node;
pub mod paced;
pub mod random;
pub mod secret_file;
pub mod serve;
pub mod worker_thread;
