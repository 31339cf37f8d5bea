//! Evidence capture and usage records → journal.
