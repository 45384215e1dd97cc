use mcp_runtime::prelude::*;

struct Weather;

#[tools]
impl Weather {
    /// Tell what the weather will be.
    #[tool]
    async fn forecast(self, city: String) -> String {
        city
    }
}

fn main() {}
