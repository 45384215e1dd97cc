use mcp_runtime::prelude::*;

struct Weather;

#[tools]
impl Weather {
    /// Tell what the weather will be.
    #[tool]
    fn forecast(&self) -> String {
        String::new()
    }

    /// Tell what the weather will be tomorrow.
    #[tool(name = "forecast")]
    fn tomorrow(&self) -> String {
        String::new()
    }
}

fn main() {}
