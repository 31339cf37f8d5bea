//! Sockets and process: listeners, workers, lifecycle, assembly.
