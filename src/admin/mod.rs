//! The management API: one noun a file.
