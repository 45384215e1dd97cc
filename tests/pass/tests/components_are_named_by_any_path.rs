use mcp_runtime::prelude::*;

mod module {
    pub mod inner {
        use mcp_runtime::prelude::*;

        #[tool]
        pub async fn b(a: u8) -> u8 {
            a
        }
    }

    pub use inner::b as reexported;
}

use module::inner;
use module::reexported as c;

#[tool]
fn a() {}

#[resource("a://b")]
fn r#d() -> String {
    String::new()
}

#[test]
fn it_runs() {
    let _ = components![a];
    let _ = components![a, inner::b, r#d,];
    let _ = components![a, self::c, crate::module::reexported];
    let _ = mcp_runtime::components!();
}
