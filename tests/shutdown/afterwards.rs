//! The signals of a program that goes on after its server has stopped.

use std::os::unix::process::ExitStatusExt;

use super::signals::{INT, Server, TERM};

const TRANSPORTS: [&str; 4] = ["stdio", "http", "listener", "unix"];

fn start(transport: &str, when: &str) -> Server {
    let program = env!("CARGO_BIN_EXE_continuing-program");
    Server::start(program, &[transport, when], &[])
}

#[test]
fn a_signal_ends_the_program_after_its_servers_have_stopped() {
    for transport in TRANSPORTS {
        for (signal, number) in [(TERM, 15), (INT, 2)] {
            let mut program = start(transport, "never");
            drop(program.child.stdin.take());
            program.says("ended");
            program.signal(signal);
            let status = program.status();
            assert_eq!(status.signal(), Some(number), "{transport}: {status}");
        }
    }
}

#[test]
fn the_handlers_of_a_program_receive_signals_while_its_server_runs() {
    for transport in TRANSPORTS {
        for (when, signal) in [("before", TERM), ("while", INT)] {
            let mut program = start(transport, when);
            // The first signal stops the first server, and the program receives it, too.
            program.says("serving 1");
            program.signal(signal);
            program.says("handled");
            drop(program.child.stdin.take());
            program.says("ended");
        }
    }
}
