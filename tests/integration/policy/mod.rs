//! Policy sets from files, as administrators write them.

mod broken;
mod reload;
mod shipped;
