//! Ways to make the server read what it must not, and to keep it busy.
//!
//! A trap is a site at an address that is not allowed. Each test that finds it without requests also shows that it answers a
//! server that is allowed to read it.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt as _, stream};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::*;

/// The address of traps.
const TRAP: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

fn trapped(_: &str) -> Answer {
    Answer::new("text/plain", "TRAPPED")
}

/// Redirects to the URL in the query of `/redirect?..`.
pub(super) fn redirecting(path: &str) -> Answer {
    match path.split_once("/redirect?") {
        Some((_, target)) => Answer::redirect(&percent_decode_str(target).decode_utf8_lossy()),
        None if path == "/robots.txt" => Answer::status(404),
        None => Answer::new("text/plain", "the page"),
    }
}

pub(super) fn redirect_to(site: &Site, target: &str) -> String {
    let target = utf8_percent_encode(target, NON_ALPHANUMERIC);
    site.url(&format!("/redirect?{target}"))
}

/// Starts a site, and a trap with the same port at another address.
async fn site_and_trap(answer: fn(&str) -> Answer) -> (Site, Site) {
    for _ in 0..100 {
        let site = Site::start(ALLOWED, answer).await;
        let address = SocketAddr::new(TRAP, site.address.port());
        if std::net::TcpListener::bind(address).is_ok() {
            let trap = Site::start_at(address, trapped).await;
            return (site, trap);
        }
    }
    panic!("no port is free at both addresses");
}

/// Shows that a site answers a server that is allowed to read it.
async fn assert_is_set(trap: &Site) {
    let settings = Settings {
        allowed: vec![trap.address.ip()],
        obeys_robots: false,
        ..Settings::default()
    };
    let text = fetched(&serve(settings).await, json!({ "url": trap.url("/") })).await;
    assert!(text.ends_with("TRAPPED"), "{text}");
    assert_eq!(trap.requests().len(), 1);
}

/// All spellings of an address are the same address, and names are as private as their addresses.
#[tokio::test]
async fn spellings_of_private_addresses() {
    let trap = Site::start(ALLOWED, trapped).await;
    let port = trap.address.port();
    let client = serve(Settings::default()).await;
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.0x1",
        "%31%32%37.0.0.1",
        "127。0。0。1",
        "１２７.0.0.1",
        "①②⑦.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00::1]",
        "[ff02::1]",
        "0",
        "0.0.0.0",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "127-0-0-1.test",
        "127-0-0-1.test.",
        "10.0.0.1",
        "10-0-0-1.test",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        let text = refusal(&client, &format!("http://{host}:{port}/")).await;
        assert!(text.contains("is not a public address"), "{host}: {text}");
    }
    for url in [
        format!("http:127.0.0.1:{port}"),
        format!("http:\\\\127.0.0.1:{port}\\"),
        format!("ht\ntp://127.0.\t0.1:{port}/"),
        format!("  http:///127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}#@example.com/"),
        format!("http://127.0.0.1:{port}\\@example.com/"),
    ] {
        let text = refusal(&client, &url).await;
        assert!(text.contains("is not a public address"), "{url}: {text}");
    }
    assert_eq!(trap.requests().len(), 0);
    assert_is_set(&trap).await;
}

#[tokio::test]
async fn urls_that_are_not_for_the_web() {
    let client = serve(settings()).await;
    let cases = [
        ("file:///etc/passwd", "neither http nor https"),
        ("FILE:/etc/passwd", "neither http nor https"),
        ("ftp://127.0.0.1/", "neither http nor https"),
        ("gopher://127.0.0.1:6379/_INFO", "neither http nor https"),
        ("data:text/html,<p>x", "neither http nor https"),
        ("javascript:alert(1)", "neither http nor https"),
        ("unix:/run/docker.sock", "neither http nor https"),
        (
            "http+unix://%2Frun%2Fdocker.sock/",
            "neither http nor https",
        ),
        (
            "http://user@127.0.0.1:8080/",
            "contains a user name or a password",
        ),
        (
            "http://:password@127.0.0.1:8080/",
            "contains a user name or a password",
        ),
        ("http://127.0.0.1:22/", "the port 22 is not allowed"),
        ("http://127.0.0.1:25/", "the port 25 is not allowed"),
        ("https://127.0.0.1:0/", "the port 0 is not allowed"),
        ("http://127.0.0.1:99999/", "is not a URL"),
        ("http://", "is not a URL"),
        ("http://[::1", "is not a URL"),
        ("/etc/passwd", "is not a URL"),
    ];
    for (url, reason) in cases {
        let text = refusal(&client, url).await;
        assert!(text.contains(reason), "{url}: {text}");
    }
}

#[tokio::test]
async fn redirects_are_new_urls() {
    let (site, trap) = site_and_trap(redirecting).await;
    let client = serve(settings()).await;
    let port = site.address.port();
    let private = "is not a public address";
    let cases = [
        (format!("http://127.0.0.2:{port}/"), private),
        (format!("//127.0.0.2:{port}/"), private),
        (format!("http://0x7f.2:{port}/"), private),
        (format!("http://127-0-0-2.test:{port}/"), private),
        (format!("\\\\127.0.0.2:{port}\\"), private),
        (format!("http://[::ffff:127.0.0.2]:{port}/"), private),
        (
            redirect_to(&site, &format!("http://127.0.0.2:{port}/")),
            private,
        ),
        (
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            private,
        ),
        (
            format!("http://a:b@127.0.0.1:{port}/"),
            "contains a user name or a password",
        ),
        (
            "http://127.0.0.1:22/".to_owned(),
            "the port 22 is not allowed",
        ),
        ("file:///etc/passwd".to_owned(), "neither http nor https"),
        ("ftp://127.0.0.1/".to_owned(), "neither http nor https"),
        ("http://[".to_owned(), "which is not a URL"),
    ];
    for (target, reason) in cases {
        let text = refusal(&client, &redirect_to(&site, &target)).await;
        assert!(text.contains(reason), "{target}: {text}");
    }
    let text = fetched(&client, json!({ "url": redirect_to(&site, "/page") })).await;
    assert!(text.ends_with("the page"), "{text}");
    assert_eq!(trap.requests().len(), 0);
    assert_is_set(&trap).await;
}

#[tokio::test]
async fn redirects_have_an_end() {
    let site = Site::start(ALLOWED, |path| match path {
        "/robots.txt" => Answer::status(404),
        path => Answer::redirect(path),
    });
    let site = site.await;
    let text = refusal(&serve(settings()).await, &site.url("/loop")).await;
    assert!(
        text.starts_with("there were more than 5 redirects"),
        "{text}"
    );
    let pages = site
        .requests()
        .iter()
        .filter(|it| it.path == "/loop")
        .count();
    assert_eq!(pages, 6);
}

/// Returns a server for which each lookup of a name has the next of these results, and the last one from then on.
async fn looking_up(results: Vec<Vec<IpAddr>>) -> (Client, Arc<AtomicUsize>) {
    let lookups = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lookups);
    let lookup: Lookup = Arc::new(move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed).min(results.len() - 1);
        let found = results[number].clone();
        Box::pin(async move { Ok(found) })
    });
    let settings = Settings {
        obeys_robots: false,
        ..settings()
    };
    (
        server(Web::new(settings, lookup).unwrap()).client().await,
        lookups,
    )
}

/// A name that is public when it is checked, and private when it is looked up again.
#[tokio::test]
async fn names_that_change_their_address() {
    let (site, trap) = site_and_trap(redirecting).await;
    let port = site.address.port();

    let (client, lookups) = looking_up(vec![vec![ALLOWED], vec![TRAP]]).await;
    let url = format!("http://rebinding.test:{port}/page");
    let text = fetched(&client, json!({ "url": url })).await;
    assert!(text.ends_with("the page"), "{text}");
    assert_eq!(
        lookups.load(Ordering::Relaxed),
        1,
        "the address that was checked is used"
    );

    let (client, lookups) = looking_up(vec![vec![ALLOWED], vec![TRAP]]).await;
    let url = format!("http://rebinding.test:{port}/redirect?%2Fpage");
    let text = refusal(&client, &url).await;
    assert!(
        text.contains("`rebinding.test` is not a public address"),
        "{text}"
    );
    assert_eq!(lookups.load(Ordering::Relaxed), 2);

    let (client, _) = looking_up(vec![vec![TRAP, ALLOWED]]).await;
    let url = format!("http://both.test:{port}/page");
    let text = fetched(&client, json!({ "url": url })).await;
    assert!(
        text.ends_with("the page"),
        "only one of the addresses is used: {text}"
    );

    assert_eq!(trap.requests().len(), 0);
    assert_is_set(&trap).await;
}

#[tokio::test]
async fn what_other_programs_would_send_or_follow() {
    let (site, trap) = site_and_trap(|path| match path {
        "/robots.txt" => Answer::status(404),
        path => {
            let port = path.trim_start_matches('/');
            let mut answer = Answer::html(format!(
                "<meta http-equiv=refresh content='0;url=http://127.0.0.2:{port}/'><iframe src='http://127.0.0.2:{port}/'>\
                 </iframe><img src='http://127.0.0.2:{port}/'>text"
            ));
            let headers = answer.0.headers_mut();
            headers.insert("Refresh", format!("0;url=http://127.0.0.2:{port}/").parse().unwrap());
            headers.insert("Alt-Svc", format!("http/1.1=\"127.0.0.2:{port}\"").parse().unwrap());
            headers.insert("Set-Cookie", "a=b".parse().unwrap());
            answer
        }
    })
    .await;
    let client = serve(settings()).await;
    for _ in 0..2 {
        let url = site.url(&format!("/{}", site.address.port()));
        let text = fetched(&client, json!({ "url": url })).await;
        assert!(text.ends_with("text"), "{text}");
    }
    assert!(site.requests().iter().all(|it| !it.authorization));
    assert_eq!(trap.requests().len(), 0);
    assert_is_set(&trap).await;
}

/// A body without an end.
pub(super) fn endless(text: &'static [u8]) -> Body {
    Body::from_stream(stream::repeat_with(move || {
        Ok::<_, Infallible>(text.repeat(1000))
    }))
}

/// A body that has a beginning, and nothing else.
fn stuck() -> Body {
    let start = stream::once(async { Ok::<_, Infallible>("start") });
    Body::from_stream(start.chain(stream::pending()))
}

/// Zeros, which are a thousand times smaller when they are compressed.
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![b'0'; 1 << 20];
    for _ in 0..64 {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

#[tokio::test]
async fn pages_that_are_too_large() {
    let bomb = bomb();
    assert!(bomb.len() < 200_000, "{}", bomb.len());
    let site = Site::start(ALLOWED, move |path| match path {
        "/endless" => Answer::new("text/plain", endless(b"0")),
        "/bomb" => {
            let mut answer = Answer::new("text/plain", bomb.clone());
            let headers = answer.0.headers_mut();
            headers.insert("Content-Encoding", "gzip".parse().unwrap());
            answer
        }
        _ => Answer::status(404),
    });
    let site = site.await;
    let client = serve(Settings {
        max_bytes: 100_000,
        ..settings()
    })
    .await;
    for path in ["/endless", "/bomb"] {
        let url = site.url(path);
        let text = fetched(&client, json!({ "url": url, "max_length": 999_999 })).await;
        let (note, content) = text.split_once("Contents of").unwrap();
        assert!(
            note.ends_with("Only the first 100000 bytes of the page were read.\n"),
            "{note}"
        );
        let zeros = content.split_once(":\n").unwrap().1;
        assert_eq!(zeros, "0".repeat(100_000), "{path}");
    }
}

#[tokio::test]
async fn sites_that_never_finish() {
    let silent = tokio::net::TcpListener::bind((ALLOWED, 0)).await.unwrap();
    let site = Site::start(ALLOWED, |path| match path {
        "/robots.txt" => Answer::status(404),
        _ => Answer::html(stuck()),
    });
    let client = serve(Settings {
        time: Duration::from_secs(1),
        ..settings()
    })
    .await;
    let silent = format!("http://{}/", silent.local_addr().unwrap());
    for url in [site.await.url("/stuck"), silent] {
        let text = refusal(&client, &url).await;
        assert_eq!(text, format!("`{url}` was not complete after 1 seconds"));
    }
}

#[tokio::test]
async fn headers_that_are_too_large() {
    let site = Site::start(ALLOWED, |path| {
        let mut answer = Answer::status(404);
        if path != "/robots.txt" {
            for number in 0..100_000 {
                let name = format!("x-{number}")
                    .parse::<axum::http::HeaderName>()
                    .unwrap();
                if answer
                    .0
                    .headers_mut()
                    .try_insert(name, "x".parse().unwrap())
                    .is_err()
                {
                    break;
                }
            }
        }
        answer
    });
    let url = site.await.url("/");
    let text = refusal(&serve(settings()).await, &url).await;
    assert!(
        text.starts_with(&format!("`{url}` cannot be fetched")),
        "{text}"
    );
}
