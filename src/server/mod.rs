//! Sockets and process: listeners, workers, lifecycle, assembly.

pub mod admin_port;
mod administration;
mod client_stream;
pub mod clock;
mod connection;
pub mod control_plane;
mod data_folder;
pub mod demo;
pub mod dev;
pub mod error;
mod gathered;
mod housekeeping;
mod http1;
mod http2;
pub mod lifecycle;
pub mod listener;
pub mod node;
mod paced;
pub mod random;
pub mod secret_file;
pub mod serve;
mod served;
mod socket;
mod spare_memory;
mod taken;
pub mod worker_thread;
