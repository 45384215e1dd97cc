#![no_implicit_prelude]

#[::mcp_runtime::tool(title = "Add", idempotent, strict)]
async fn add(
    /// The first addend.
    a: f64,
    #[arg(default = 1.0)] b: f64,
    #[arg(default, name = "third")] c: f64,
) -> f64 {
    a + b + c
}

#[::mcp_runtime::tool(inline)]
fn nothing() {}

#[::mcp_runtime::resource("users://{id}{?limit}", list = users)]
fn user(id: u32, limit: ::std::option::Option<u8>) -> ::std::string::String {
    ::std::format!("{id} {limit:?}")
}

fn users(_: ::mcp_runtime::Listing) -> ::std::vec::Vec<::mcp_runtime::ResourceLink> {
    ::std::vec::Vec::new()
}

#[::mcp_runtime::prompt]
fn ask(#[arg(complete = codes)] code: ::std::string::String) -> ::std::string::String {
    code
}

fn codes(
    _: ::mcp_runtime::Completion,
    _: ::mcp_runtime::State<u8>,
) -> ::std::vec::Vec<::std::string::String> {
    ::std::vec::Vec::new()
}

struct Value;

#[::mcp_runtime::tools]
impl Value {
    #[::mcp_runtime::tool]
    fn one(&self) {}
}

#[::mcp_runtime::tools(more)]
impl Value {
    fn codes(&self) -> ::std::vec::Vec<::std::string::String> {
        ::std::vec::Vec::new()
    }

    #[::mcp_runtime::prompt]
    fn two(&self, #[arg(complete = Self::codes)] it: ::std::string::String) -> ::std::string::String {
        it
    }
}

#[::core::prelude::v1::test]
fn it_runs() {
    let _ = ::mcp_runtime::server!()
        .with(::mcp_runtime::components![add, user, ask, nothing])
        .with(Value);
}
