//! Tests of whole servers whose clock moves by hours.

mod lifetimes;
