use mcp_runtime::{Completion, prelude::*};

struct Atlas;

#[tools]
impl Atlas {
    async fn ages(&self, _: Completion) -> Vec<u8> {
        vec![1]
    }

    #[prompt]
    fn describe(&self, #[arg(complete = Self::ages)] age: u8) -> String {
        age.to_string()
    }
}

fn main() {}
