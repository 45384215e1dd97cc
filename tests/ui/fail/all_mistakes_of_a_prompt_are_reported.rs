use mcp_runtime::prelude::*;

#[prompt(read_only, name = "", inline)]
async fn review(_: u8, #[arg(complete = 1)] code: impl ToString) -> ! {
    panic!("{}", code.to_string())
}

fn main() {}
