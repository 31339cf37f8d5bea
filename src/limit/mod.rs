//! Admission arithmetic with the clock passed in.
