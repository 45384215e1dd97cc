use mcp_runtime::prelude::*;

struct Weather<'a> {
    key: &'a str,
}

#[tools]
impl<'a> Weather<'a> {
    /// Tell what the weather will be.
    #[tool]
    async fn forecast(&self, city: String) -> String {
        format!("{}{city}", self.key)
    }
}

fn main() {}
