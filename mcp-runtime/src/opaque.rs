//! `Debug` for types with parts that have none, such as functions and futures.

/// Implements `Debug` for a type, which shows its name and these parts.
macro_rules! opaque_debug {
    ($name:ident $(<$($generic:tt),*>)? $(, |$it:ident| $($field:ident: $value:expr),*)?) => {
        impl $(<$($generic),*>)? std::fmt::Debug for $name $(<$($generic),*>)? {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $(let $it = self;)?
                formatter
                    .debug_struct(stringify!($name))
                    $($(.field(stringify!($field), &$value))*)?
                    .finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use opaque_debug;
