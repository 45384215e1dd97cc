#![deny(warnings)]

use mcp_runtime::prelude::*;

pub mod outer {
    use mcp_runtime::prelude::*;

    pub(crate) mod inner {
        use mcp_runtime::prelude::*;

        #[tool]
        pub(in crate::outer) fn within(a: u8) -> u8 {
            a
        }

        #[tool]
        pub(super) async fn above() {}

        #[tool]
        pub(self) fn here() {}
    }

    struct Hidden;

    #[tool]
    pub(crate) fn everywhere() {
        let Hidden = Hidden;
        let _ = inner::within;
        let _ = inner::above;
    }

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Private {
        a: u8,
    }

    #[tool]
    fn of_private_types(private: Private) -> u8 {
        private.a
    }
}

#[tool]
pub fn public() {}

#[test]
fn it_runs() {
    let _ = components![public, outer::everywhere];
}
