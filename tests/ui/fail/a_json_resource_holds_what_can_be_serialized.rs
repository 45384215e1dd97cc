use mcp_runtime::prelude::*;

struct Config {
    debug: bool,
}

#[resource("config://app")]
fn config() -> Json<Config> {
    Json(Config { debug: true })
}

fn main() {}
