use mcp_runtime::prelude::*;

fn components() -> mcp_runtime::Components {
    #[tool]
    async fn inner(a: u8) -> u8 {
        a
    }

    #[resource("a://{b}")]
    fn resource(b: String) -> String {
        b
    }

    const {
        #[tool]
        fn deeper(#[arg(default = 1)] a: u8) -> u8 {
            a
        }
    }

    {
        #[tool]
        fn inner(text: String) -> String {
            text
        }
        let _ = components![inner];
    }

    components![inner, resource]
}

#[test]
fn it_runs() {
    let server = Server::new("inner", "1.0.0").with(components());
    drop(server);
}
