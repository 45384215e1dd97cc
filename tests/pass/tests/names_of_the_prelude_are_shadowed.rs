#![allow(unused, non_camel_case_types)]

mod taken {
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Err;
    pub struct Box;
    pub struct Vec;
    pub struct Option;
    pub struct Result;
    pub struct Send;
    pub struct Default;
    pub struct Call;
    pub struct Param;
    pub struct Tool;
    pub struct Parameter;
    pub struct Handler;
    pub struct core;
    pub struct std;
    pub struct mcp_runtime;
    pub trait Into {}
    pub trait Fn {}

    pub type String = ::std::primitive::f64;
    pub type str = ::std::primitive::f64;

    macro_rules! assert {
        () => {};
    }
    macro_rules! file {
        () => {};
    }
    macro_rules! submit {
        () => {};
    }
    pub(crate) use {assert, file, submit};
}

mod tools {
    use super::taken::*;

    #[::mcp_runtime::tool(read_only, title = "Add")]
    pub async fn add(a: String, #[arg(default = 2.5)] b: f64, #[arg(default)] c: f64) -> f64 {
        a + b + c
    }

    #[::mcp_runtime::resource("text://{name}{?limit}")]
    pub fn text(name: ::std::string::String, limit: ::std::option::Option<u8>) -> ::std::string::String {
        ::std::format!("{name} {limit:?}")
    }

    #[::mcp_runtime::prompt]
    pub fn ask(code: ::std::string::String) -> ::std::string::String {
        code
    }
}

#[::tokio::test]
async fn it_runs() {
    let client = ::mcp_runtime::server!().client().await;
    let reply = client.call("add", ::serde_json::json!({ "a": 1 })).await;
    ::std::assert_eq!(reply.unwrap().structured()["result"], 3.5);
    ::std::assert_eq!(tools::add(1.0, 2.0, 3.0).await, 6.0);
}
