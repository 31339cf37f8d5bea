mod accounts;
mod drain;
