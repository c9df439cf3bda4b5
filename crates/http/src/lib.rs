//! The only HTTP client of TrueUp.
