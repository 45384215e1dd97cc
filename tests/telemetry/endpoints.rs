//! `/metrics` and `/ready`.
