//! Settings of the process: listeners, folders, secrets. Read once at the start.

pub mod environment;
pub mod public_url;
pub mod service_url;
pub mod settings;
