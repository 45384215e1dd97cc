use mcp_runtime::prelude::*;

struct Weather;

#[tools]
impl Weather {
    fn forecast(&self, city: String) -> String {
        city
    }
}

fn main() {}
