use mcp_runtime::prelude::*;

struct Atlas;

#[tools]
impl Atlas {
    fn cities(&self, start: String) -> Vec<String> {
        vec![start]
    }

    #[prompt]
    fn weather(&self, #[arg(complete = Self::cities)] city: String) -> String {
        city
    }
}

fn main() {}
