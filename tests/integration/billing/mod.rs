//! From a call to the books.

mod books;
mod crash;
mod recorder;
