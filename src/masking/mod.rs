//! Masking of JSON by the names of its members, as it streams by. Pure: bytes in, bytes out. Start with `masker.rs`.

mod compact;
pub mod fields;
mod known;
pub mod learned;
pub mod masker;
mod output;
mod part;
mod path;
mod piece;
mod place;
mod state;
pub mod unmaskable;
