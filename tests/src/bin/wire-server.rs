//! The fixture as a process of its own.

fn main() -> std::process::ExitCode {
    mcp_tests::fixture::server().run()
}
