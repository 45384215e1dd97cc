//! Documented throughout.
#![deny(missing_docs, warnings, unused, future_incompatible, rust_2018_idioms, unreachable_pub)]

/// Tools that others see.
pub mod tools {
    use mcp_runtime::prelude::*;

    /// Add two numbers.
    #[tool(name = "plus")]
    pub async fn add(
        /// The first addend.
        a: f64,
        /// The second addend.
        #[arg(default)]
        b: f64,
    ) -> f64 {
        a + b
    }

    /// Greet somebody.
    #[resource("greeting://{name}")]
    pub fn greeting(name: String) -> String {
        name
    }

    /// Ask for a review.
    #[prompt]
    pub fn review(code: String) -> String {
        code
    }

    /// A store.
    pub struct Store;

    #[tools]
    impl Store {
        /// How large it is.
        #[tool]
        pub fn size(&self) -> u64 {
            0
        }
    }
}

#[test]
fn it_runs() {
    let _ = mcp_runtime::server!().with(tools::Store);
}
