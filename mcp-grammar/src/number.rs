//! Integers that all JSON implementations represent exactly.

/// The largest integer up to which JavaScript represents every integer exactly (`Number.MAX_SAFE_INTEGER`).
pub const LARGEST_EXACT: i64 = (1 << 53) - 1;

/// Returns the integer value of a number without a fraction, or `None` if it is too large to be exact.
pub fn whole(number: f64) -> Option<i64> {
    #[allow(clippy::cast_precision_loss)] // exact by definition
    let largest = LARGEST_EXACT as f64;
    #[allow(clippy::cast_possible_truncation)] // within the exact range and without a fraction
    (number.fract() == 0.0 && number.abs() <= largest).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_beyond_the_exact_ones_are_not_guessed() {
        assert_eq!(whole(-3.0), Some(-3));
        assert_eq!(whole(9_007_199_254_740_991.0), Some(LARGEST_EXACT));
        for other in [0.5, 9_007_199_254_740_992.0, f64::INFINITY, f64::NAN] {
            assert_eq!(whole(other), None, "{other}");
        }
    }
}
