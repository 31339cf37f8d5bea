//! Policy files → checked → compiled compiled snapshot.
