//! The HTTP requests of gunicorn's tests, sent as they are: each is answered or its connection is closed, what gunicorn refuses
//! is not served, and the next client is.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::path::Path;

use crate::files::{downloaded, name, sorted};
use crate::wires::{HttpConnection, HttpServer, SILENCE, read_response};

/// Requests that gunicorn serves, some only with an option, and this server refuses as malformed, with the reason.
const REFUSED: [(&str, &str); 8] = [
    ("014.http", "the target has quotes, which no URI has"),
    ("028.http", "a space before the colon of a header"),
    ("compat_obs_fold.http", "a folded header"),
    ("compat_obs_fold_huge.http", "a folded header"),
    ("pp_01.http", "the PROXY protocol"),
    ("pp_02.http", "the PROXY protocol"),
    ("pp_04.http", "the PROXY protocol"),
    ("pp_05.http", "the PROXY protocol"),
];

/// Decodes the notation of gunicorn's files, in which only escapes are line breaks.
fn decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text.iter().copied().filter(|byte| *byte != b'\n');
    while let Some(byte) = rest.next() {
        let escaped = (byte == b'\\').then(|| rest.next().expect("an escape"));
        decoded.push(match escaped {
            None => byte,
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'x') => {
                let mut digit = || char::from(rest.next().expect("a digit")).to_digit(16);
                let (high, low) = (digit().expect("a digit"), digit().expect("a digit"));
                u8::try_from(high << 4 | low).expect("two digits")
            }
            Some(other) => panic!("an unknown escape: {}", char::from(other)),
        });
    }
    decoded
}

/// Changes a request so that it reaches the endpoint: the path and the first host are those of the server.
fn to_endpoint(request: &[u8], address: &str) -> Option<Vec<u8>> {
    let end = request.windows(2).position(|pair| pair == b"\r\n")?;
    let (first, rest) = request.split_at(end);
    let mut words = str::from_utf8(first).ok()?.split(' ');
    let (method, path, version) = (words.next()?, words.next()?, words.next()?);
    if !path.starts_with('/') || !version.starts_with("HTTP/1.") || words.next().is_some() {
        return None;
    }
    let mut rest = rest.to_vec();
    let host = b"\r\nHost:";
    let is_host = |line: &[u8]| line.eq_ignore_ascii_case(host);
    if let Some(begin) = rest.windows(host.len()).position(is_host) {
        let length = rest[begin + 2..]
            .windows(2)
            .position(|pair| pair == b"\r\n")?;
        rest.drain(begin..begin + 2 + length);
    }
    let head = format!(
        "{method} /mcp {version}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nHost: {address}"
    );
    Some([head.as_bytes(), &rest].concat())
}

/// Sends bytes in two pieces, and returns the statuses of the responses until the server closes the connection.
fn statuses(address: &str, bytes: &[u8]) -> Vec<u16> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    // The server may have closed the connection already.
    let _ = stream
        .write_all(first)
        .and_then(|()| stream.write_all(second));
    let mut reader = BufReader::new(stream);
    let responses = std::iter::from_fn(|| read_response(&mut reader));
    responses.map(|response| response.status).collect()
}

/// The statuses of the responses to a request as it is, and to the same request to the endpoint.
type Outcome = (Vec<u16>, Option<Vec<u16>>);

fn outcome(address: &str, path: &Path) -> Outcome {
    let request = decode(&std::fs::read(path).unwrap());
    let to_endpoint = to_endpoint(&request, address).map(|request| statuses(address, &request));
    let outcome = (statuses(address, &request), to_endpoint);
    let all = outcome.0.iter().chain(outcome.1.iter().flatten());
    for status in all {
        assert!(
            (400..500).contains(status),
            "{}: {outcome:?}",
            path.display()
        );
    }
    HttpConnection::open(address).is_served(&name(path));
    outcome
}

/// Sends the requests of a folder.
fn outcomes(folder: &Path) -> BTreeMap<String, Outcome> {
    let mut server = HttpServer::start(&["quick"]);
    let mut files = sorted(folder);
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "http")
    });
    let address = &*server.address;
    let outcomes = std::thread::scope(|scope| {
        // Some connections end only after a time limit.
        let parts = files.chunks(4).map(|part| {
            scope.spawn(move || {
                part.iter()
                    .map(|path| (name(path), outcome(address, path)))
                    .collect::<Vec<_>>()
            })
        });
        let parts: Vec<_> = parts.collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap())
            .collect::<BTreeMap<_, _>>()
    });
    server.is_alive();
    for (name, outcome) in &outcomes {
        println!("{name}: {outcome:?}");
    }
    outcomes
}

fn names(outcomes: &BTreeMap<String, Outcome>, is_picked: fn(&Outcome) -> bool) -> Vec<&str> {
    let picked = outcomes.iter().filter(|(_, outcome)| is_picked(outcome));
    picked.map(|(name, _)| name.as_str()).collect()
}

#[test]
#[ignore = "run by tests/corpora/run, which downloads the files"]
fn requests_that_gunicorn_serves_are_answered() {
    let outcomes = outcomes(&downloaded("gunicorn/tests/requests/valid"));
    // 400 is the answer to what is no request. The paths of these requests do not exist.
    let refused = names(&outcomes, |(statuses, _)| {
        statuses.first().is_none_or(|status| *status == 400)
    });
    assert_eq!(refused, REFUSED.map(|(name, _)| name));
    assert!(outcomes.len() > 60, "{}", outcomes.len());
}

#[test]
#[ignore = "run by tests/corpora/run, which downloads the files"]
fn requests_that_gunicorn_refuses_are_refused() {
    let outcomes = outcomes(&downloaded("gunicorn/tests/requests/invalid"));
    // What follows a malformed request on its connection is never another request.
    let answered = names(&outcomes, |(statuses, to_endpoint)| {
        statuses.len() > 1
            || to_endpoint
                .as_ref()
                .is_some_and(|statuses| statuses.len() > 1)
    });
    assert!(answered.is_empty(), "{answered:?}");
    assert!(outcomes.len() > 70, "{}", outcomes.len());
}
