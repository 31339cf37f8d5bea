//! Policy sets from files, as administrators write them.

mod broken;
mod content;
mod reload;
mod shipped;
mod upstream_token;
mod words;
