use mcp_runtime::{Completion, prelude::*};

struct Atlas;

struct Other;

impl Other {
    fn cities(&self, _: Completion) -> Vec<String> {
        vec![]
    }
}

#[tools]
impl Atlas {
    #[prompt]
    fn weather(&self, #[arg(complete = Other::cities)] city: String) -> String {
        city
    }
}

fn main() {}
