use mcp_runtime::prelude::*;

macro_rules! tools {
    ($($name:ident: $ty:ty = $default:expr;)*) => {$(
        #[tool]
        fn $name(#[arg(default = $default)] value: $ty, list: Option<Vec<$ty>>) -> $ty {
            list.and_then(|list| list.into_iter().next()).unwrap_or(value)
        }
    )*};
}

tools! {
    byte: u8 = 1;
    float: f64 = 1.5;
}

macro_rules! borrowed {
    ($name:ident($($parameter:ident: $ty:ty),*) -> $result:ty $body:block) => {
        #[tool]
        async fn $name($($parameter: $ty),*) -> $result $body
    };
}

borrowed!(join(a: &str, b: Option<&str>) -> String { format!("{a}{b:?}") });

macro_rules! documented {
    ($(#[$attribute:meta])* $uri:literal $name:ident) => {
        $(#[$attribute])*
        #[resource($uri)]
        fn $name() -> &'static str {
            $uri
        }
    };
}

documented! {
    /// A document.
    "a://document" document
}

macro_rules! options {
    ($title:literal $name:expr, $complete:path, $flag:literal) => {
        #[prompt(name = $name, title = $title)]
        fn options(#[arg(complete = $complete)] code: String) -> String {
            code
        }

        #[tool(read_only = $flag)]
        fn flag() {}
    };
}

fn codes(_: mcp_runtime::Completion) -> Vec<String> {
    Vec::new()
}

options!("Title" "a-name", self::codes, true);

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().client().await;
    assert_eq!(client.call("byte", serde_json::json!({})).await?.structured()["result"], 1);
    Ok(())
}
