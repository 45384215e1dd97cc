#![allow(unused, non_camel_case_types)]

mod vendored {
    pub mod mcp {
        pub use ::mcp_runtime::*;
    }
}

mod taken {
    pub struct Some;
    pub struct None;
    pub struct Option;
    pub struct Vec;
    pub struct mcp_runtime;
    pub trait Elicit {}
    pub trait ElicitField {}
}

mod forms {
    use super::taken::*;

    #[derive(::serde::Deserialize, ::schemars::JsonSchema, ::mcp_runtime::Elicit)]
    #[elicit(crate = crate::vendored::mcp)]
    pub struct Booking {
        pub people: u8,
        pub seats: ::std::option::Option<Seats>,
    }

    #[derive(::serde::Deserialize, ::schemars::JsonSchema, crate::vendored::mcp::Elicit)]
    pub enum Seats {
        Inside,
        Outside,
    }

    #[::mcp_runtime::tool(crate = crate::vendored::mcp)]
    pub async fn book(
        #[ask("How many?")] booking: Booking,
        #[ask("And then?", key = "then")] then: ::std::option::Option<Booking>,
    ) -> u8 {
        booking.people
    }
}

#[test]
fn it_runs() {
    let _ = ::mcp_runtime::server!().with(::mcp_runtime::components![forms::book]);
}
