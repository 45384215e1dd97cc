//! An upstream server as a process: over stdio, or with `--http ADDRESS`.

mod extras;

fn main() -> std::process::ExitCode {
    extras::server().run()
}
