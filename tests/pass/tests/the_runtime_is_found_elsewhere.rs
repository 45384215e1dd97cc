mod vendored {
    pub mod mcp {
        pub use mcp_runtime::*;
    }
}

mod tools {
    use crate::vendored::mcp as renamed;

    #[renamed::tool(crate = crate::vendored::mcp)]
    pub async fn add(a: f64, #[arg(default = 1.0)] b: f64) -> f64 {
        a + b
    }

    #[renamed::resource("users://{id}", crate = renamed)]
    pub fn user(id: u32, state: renamed::State<u32>) -> String {
        format!("{id} {}", *state)
    }

    #[renamed::prompt(crate = ::mcp_runtime)]
    pub fn ask(code: String) -> String {
        code
    }
}

#[test]
fn it_runs() {
    let _ = vendored::mcp::components![tools::add, tools::user, tools::ask];
}
