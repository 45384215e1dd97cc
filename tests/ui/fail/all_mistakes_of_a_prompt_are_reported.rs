use mcp_runtime::prelude::*;

#[prompt(read_only, name = "", inline)]
async fn review(&self, _: u8, #[arg(complete = 1)] code: impl ToString) -> ! {
    loop {}
}

fn main() {}
