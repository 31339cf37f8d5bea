//! Append-only segments of usage records: frame, group commit, recovery.
