//! Policy sets from files, as administrators write them.

mod broken;
mod shipped;
