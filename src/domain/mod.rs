//! The words of the product as types: ids, scopes, apps, plans, usage, money, ledger, statements. Values and rules only:
//! no I/O, no async, no clock read, no serialization.
