//! JSON as it streams by: its grammar in pieces, and the members of a text that one asks for. Pure: bytes in, values' bytes out.
//! Start with `picker.rs`.

pub(crate) mod blank;
mod kept;
pub(crate) mod malformed;
pub(crate) mod member;
pub(crate) mod number;
pub mod picker;
pub(crate) mod scalar;
pub(crate) mod stops;
pub(crate) mod text;
pub mod unpicked;
pub(crate) mod utf8;
pub mod wanted;
