//! Masking of JSON by the names of its members, as it streams by. Pure: bytes in, bytes out. Start with `masker.rs`.

mod compact;
pub mod fields;
pub mod masker;
mod output;
mod path;
mod piece;
mod shape;
mod state;
pub mod unmaskable;
