use mcp_runtime::prelude::*;

struct Config {
    debug: bool,
}

#[resource("config://app")]
fn config() -> Result<Config, std::io::Error> {
    Ok(Config { debug: true })
}

fn main() {}
