use mcp_runtime::prelude::*;

struct Weather;

#[tools]
impl Weather {
    /// Tell what the weather will be.
    #[tool(readonly)]
    fn forecast(&mut self, city: String) -> String {
        city
    }

    /// The weather of a city.
    #[resource("weather://{city}")]
    async fn current(&self, town: String) -> String {
        town
    }
}

fn main() {
    Weather.forecast(String::new());
    let _ = mcp_runtime::server!().with(Weather);
}
