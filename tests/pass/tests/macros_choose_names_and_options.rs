use mcp_runtime::prelude::*;

macro_rules! unit {
    ($name:ident, $argument:ident: $ty:ty, $title:literal, $doc:expr, $vis:vis) => {
        #[doc = $doc]
        #[tool(name = $title, title = $title, read_only)]
        $vis async fn $name($argument: $ty) -> Option<$ty> {
            Some($argument)
        }
    };
}

unit!(metres, length: f64, "length-in-metres", "A length.", pub);
unit!(words, list: Vec<String>, "words", "Words.", pub(crate));

macro_rules! several {
    ($($name:ident),*) => {$(
        mod $name {
            #[mcp_runtime::tool(name = "in-a-module")]
            pub fn same(a: u8) -> u8 {
                a
            }
        }
    )*};
}

several!(one, two);

macro_rules! methods {
    ($ty:ident { $($name:ident -> $result:ty = $value:expr;)* }) => {
        struct $ty;

        #[tools]
        impl $ty {
            $(
                #[tool]
                fn $name(&self) -> $result {
                    $value
                }
            )*
        }
    };
}

methods!(Constants { zero -> u8 = 0; pi -> f64 = 3.25; });

#[test]
fn it_runs() {
    let _ = components![metres, words, one::same];
    let _ = (two::same(1), Server::new("constants", "1").with(Constants));
}
