//! The labels of a request.

/// The name of a method or component that the server does not have. Names of clients are not used, because there is no
/// limit on their number.
pub(crate) const OTHER: &str = "_OTHER";

/// The labels of a request.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "metrics"), allow(dead_code))] // nothing reads the labels
pub(crate) struct Series<'a> {
    pub(crate) method: &'a str,
    /// The name of the component; empty if the method has none.
    pub(crate) component: &'a str,
    pub(crate) outcome: &'a str,
}
