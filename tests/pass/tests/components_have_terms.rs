use std::time::Duration;

use mcp_runtime::prelude::*;

const LIMIT: Duration = Duration::from_millis(500);

#[tool(
    timeout = 30,
    tags("weather", "beta"),
    scopes("calendar:write", "!#[]~"),
    read_only,
    destructive = false,
    idempotent
)]
async fn forecast() {}

#[resource("data://numbers", timeout = LIMIT * 2, tags("numbers",), cache(ttl = 60))]
fn numbers() -> &'static str {
    "1, 2"
}

#[prompt(timeout = 30_u64, scopes("talk"))]
fn talk() -> &'static str {
    "Talk."
}

struct Clock {
    limit: Duration,
}

#[tools]
impl Clock {
    #[tool(timeout = Duration::from_secs(1), tags("time"), scopes("time"))]
    fn now(&self) -> u64 {
        self.limit.as_secs()
    }
}

#[test]
fn it_runs() {
    let _ = Server::new("terms", "1")
        .with(components![forecast, numbers, talk])
        .with(Clock { limit: LIMIT })
        .only_tagged(["weather", "time"])
        .without_tagged(vec![String::from("beta")]);
}
