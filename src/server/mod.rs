//! Sockets and process: listeners, workers, lifecycle, assembly.

mod administration;
mod client_stream;
pub mod clock;
mod connection;
pub mod control_plane;
mod data_folder;
pub mod demo;
pub mod dev;
pub mod error;
pub mod lifecycle;
pub mod listener;
pub mod node;
pub mod random;
pub mod secret_file;
pub mod serve;
mod served;
pub mod worker_thread;
