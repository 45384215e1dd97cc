//! Structs with lifetimes and type parameters are flattened, by aliases, in macros and in generic types.

use std::marker::PhantomData;

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
struct Page<T> {
    after: Option<T>,
    size: u8,
}

#[derive(Deserialize, JsonSchema)]
struct Words<'a> {
    #[serde(borrow)]
    word: &'a str,
}

type NumberedPage = Page<u64>;

macro_rules! list {
    ($name:ident, $type:ty) => {
        #[tool]
        async fn $name<'a>(#[arg(flatten)] page: $type, #[arg(flatten)] words: Words<'a>) -> String {
            format!("{:?} {} {}", page.after, page.size, words.word)
        }
    };
}

list!(numbers, NumberedPage);
list!(texts, Page<String>);

#[tool]
fn plain(#[arg(flatten = false)] after: Option<u64>, #[arg(nullable = false)] size: u8, word: String) -> String {
    format!("{after:?} {size} {word}")
}

struct Shelf<T>(PhantomData<T>);

#[tools]
impl<T: Send + Sync + 'static> Shelf<T> {
    #[tool]
    async fn books(&self, #[arg(flatten)] page: NumberedPage, #[arg(flatten = false)] word: String) -> String {
        format!("{:?} {} {word}", page.after, page.size)
    }
}

#[tokio::test]
async fn it_runs() {
    let client = Server::new("flat", "1")
        .with(components![numbers, texts, plain])
        .with(Shelf::<u8>(PhantomData))
        .client()
        .await;
    for (tool, after, shown) in [
        ("numbers", json!(3), "Some(3) 1 w"),
        ("texts", json!("c"), "Some(\"c\") 1 w"),
        ("plain", json!(3), "Some(3) 1 w"),
        ("books", json!(3), "Some(3) 1 w"),
    ] {
        let arguments = json!({ "after": after, "size": 1, "word": "w" });
        let reply = client.call(tool, arguments).await.unwrap();
        assert_eq!(reply.text(), shown);
    }
}
