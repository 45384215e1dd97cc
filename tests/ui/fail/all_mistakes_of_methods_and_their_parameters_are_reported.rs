use mcp_runtime::prelude::*;

struct Store {
    size: u64,
}

#[tools(crate)]
impl Store {
    #[tool(name = "")]
    fn size(&self, #[arg(defualt)] unit: u64) -> u64 {
        self.size / unit
    }

    #[prompt(read_only)]
    fn review(self) -> String {
        self.size.to_string()
    }

    #[tool]
    fn clear(&self, (a, b): (u8, u8)) -> u8 {
        a + b
    }

    fn other(&self) -> u64 {
        self.size(1) + u64::from(self.clear((1, 2)))
    }
}

fn main() {
    let store = Store { size: 1 };
    println!("{} {}", store.other(), store.review());
    let _ = mcp_runtime::server!().with(Store { size: 2 });
}
