use mcp_runtime::prelude::*;

struct Unknown;

struct Weather;

#[tools]
impl Weather {
    /// Tell what the weather will be.
    #[tool]
    async fn forecast(&self) -> Unknown {
        Unknown
    }
}

fn main() {}
