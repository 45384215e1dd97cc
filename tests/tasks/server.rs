//! The server of the tests as a process of its own.

#[path = "tools.rs"]
mod tools;

fn main() -> std::process::ExitCode {
    tools::server().run()
}
