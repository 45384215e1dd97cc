use mcp_runtime::prelude::*;

struct Weather;

#[tools]
impl Weather {
    /// Tell what the weather will be.
    #[tool]
    fn forecast(&mut self, city: String) -> String {
        city
    }
}

fn main() {}
