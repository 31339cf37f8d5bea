//! Bytes in a request → principal.
