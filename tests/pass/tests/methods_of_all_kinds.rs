#![no_implicit_prelude]
#![deny(warnings, missing_docs)]
#![forbid(unsafe_code)]
//! Methods, next to all other kinds of items in the `impl`.

use ::mcp_runtime::{Server, prompt, resource, tools};
use ::std::marker::{Send, Sync};
use ::std::string::String;

/// A type with the name of one of `std`.
pub type Result<T> = ::std::result::Result<T, ::mcp_runtime::ToolError>;

/// A store of something.
pub struct Store<T, const N: usize>([T; N]);

/// A type with the name of one of the `prelude`.
pub enum Arc {}

#[tools]
#[allow(clippy::unused_async)]
impl<T, const N: usize> Store<T, N>
where
    T: ::std::clone::Clone + Send + Sync + 'static,
{
    /// Some constant.
    pub const SIZE: usize = { N };

    /// Makes one.
    pub fn new(all: [T; N]) -> Self {
        Self(all)
    }

    /// The size.
    #[::mcp_runtime::tool]
    pub fn size(&self) -> Result<u64> {
        ::std::result::Result::Ok(self.0.len() as u64)
    }

    /// One of them, by the name of its place.
    #[resource("store://{place}", list = Self::list)]
    async fn one<'a>(
        &'a self,
        #[arg(default = <Self>::SIZE, complete = Self::places)] place: usize,
    ) -> String {
        ::std::string::ToString::to_string(&place)
    }

    fn list(&self, _: ::mcp_runtime::Listing) -> ::std::vec::Vec<::mcp_runtime::ResourceLink> {
        ::std::vec::Vec::new()
    }

    async fn places(&self, _: ::mcp_runtime::Completion) -> ::std::vec::Vec<String> {
        ::std::vec::Vec::new()
    }

    /// Ask for it.
    #[prompt]
    async fn ask(self: &Self) -> &'static str {
        "Please."
    }

    /// Of no value.
    #[::mcp_runtime::tool]
    fn nothing() {}
}

#[::core::prelude::v1::test]
fn it_runs() {
    let _ = Server::new("store", "1").with(Store::new([1, 2]));
}
