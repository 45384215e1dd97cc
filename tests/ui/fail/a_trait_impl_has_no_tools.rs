use mcp_runtime::prelude::*;

struct Weather;

trait Forecast {
    fn forecast(&self) -> String;
}

#[tools]
impl Forecast for Weather {
    #[tool]
    fn forecast(&self) -> String {
        String::new()
    }
}

fn main() {}
