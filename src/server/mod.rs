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
mod doors;
pub mod error;
mod front;
mod housekeeping;
pub mod lifecycle;
pub mod listener;
pub mod node;
mod paced;
pub mod random;
pub mod secret_file;
pub mod serve;
mod served;
mod socket;
mod taken;
mod tls;
pub mod worker_thread;
