//! The numbers that progress is reported in.

/// A number for [`Context::progress`](crate::Context::progress): an integer of at most 64 bits, or a floating-point number.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Work for a while.
/// #[tool]
/// async fn work(context: Context) {
///     context.progress(1, Some(4), Some("one of four"));
///     context.progress(0.75, Some(1.0), Some("three quarters"));
/// }
/// ```
pub trait ProgressValue {
    /// Returns the number as the protocol has it. Integers beyond 2^53 are rounded.
    fn to_f64(self) -> f64;
}

macro_rules! progress_values {
    ($($number:ty)*) => {
        $(
            #[diagnostic::do_not_recommend]
            impl ProgressValue for $number {
                #[allow(clippy::cast_lossless, clippy::cast_precision_loss)] // one body for all types; rounding is documented
                fn to_f64(self) -> f64 {
                    self as f64
                }
            }
        )*
    };
}

progress_values!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize f32 f64);
