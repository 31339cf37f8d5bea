//! Rating, posting, statements: usage records become money.
