use mcp_runtime::prelude::*;

struct Holder<T>(T);

#[tools]
impl<T: Send + Sync + 'static> Holder<T> {
    #[tool]
    fn one(&self) -> u8 {
        1
    }
}

#[tools(more)]
impl<T: Send + Sync + 'static> Holder<T> {
    #[tool]
    fn two(&self) -> u8 {
        2
    }
}

fn main() {}
