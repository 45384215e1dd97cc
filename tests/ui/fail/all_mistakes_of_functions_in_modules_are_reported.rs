use mcp_runtime::prelude::*;

mod numbers {
    use mcp_runtime::prelude::*;

    #[tool(nmae = "plus")]
    pub fn add(a: f64, b: f64) -> f64 {
        a + b
    }

    #[tool]
    pub fn negate<T>(a: T) -> f64 {
        drop(a);
        0.0
    }
}

mod texts {
    use mcp_runtime::prelude::*;

    #[prompt(title)]
    pub fn review(code: String) -> String {
        code
    }
}

#[resource]
fn config() -> String {
    numbers::add(1.0, numbers::negate(2)).to_string()
}

fn main() {
    println!("{}{}", config(), texts::review(String::new()));
}
