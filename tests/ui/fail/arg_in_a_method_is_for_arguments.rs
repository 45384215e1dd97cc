use mcp_runtime::prelude::*;

struct Weather;

#[tools]
impl Weather {
    /// Tell what the weather will be.
    #[tool]
    async fn forecast(&self, #[arg(name = "context")] context: Context) -> String {
        context.request_id().to_string()
    }
}

fn main() {}
