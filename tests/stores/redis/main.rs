//! Tests `RedisStore` with a server: the contract, lost connections, a server that stops, passwords and TLS.
//!
//! Usage: `redis-faults EXECUTABLE [DIRECTORY]`, where the directory has `server.pem` and `server.key` of a certificate authority that
//! `SSL_CERT_FILE` names. Prints each case, and stops at the first failure.

#![allow(clippy::print_stdout)] // the purpose of this program

mod cases;
mod server;

use std::path::PathBuf;

use mcp_tests::Outcome;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let executable = arguments
        .next()
        .ok_or("usage: redis-faults EXECUTABLE [DIRECTORY]")?;
    let data = std::env::temp_dir().join(format!("redis-faults-{}", std::process::id()));
    std::fs::create_dir_all(&data)?;
    let done = cases::run(&executable, &data, arguments.next().as_deref()).await;
    std::fs::remove_dir_all(&data)?;
    done
}
