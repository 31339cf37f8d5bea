//! The attacks of RFC 9700 (section 4) and RFC 8725 (section 3), and those on logins that no RFC numbers.

mod grants;
mod logins;
mod pages;
mod tokens;
