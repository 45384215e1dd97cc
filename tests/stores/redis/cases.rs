//! The cases.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_runtime::{RedisStore, Store, StoreEntry, check_store};
use mcp_tests::Outcome;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::server::Server;

const LONG: Duration = Duration::from_secs(600);
const PASSWORD: &str = "correct-horse";

fn entry(value: &[u8]) -> StoreEntry<'_> {
    StoreEntry::new(value, LONG)
}

/// Fails with this text unless the condition holds.
fn ensure(condition: bool, text: impl Into<String>) -> Outcome<()> {
    if condition {
        Ok(())
    } else {
        Err(text.into().into())
    }
}

/// Runs all cases, each with a server of its own.
pub(crate) async fn run(executable: &Path, data: &Path, tls: Option<&Path>) -> Outcome<()> {
    macro_rules! cases {
        ($($case:ident),*) => {$(
            let name = stringify!($case);
            let directory = data.join(name);
            std::fs::create_dir(&directory)?;
            let started = Instant::now();
            let server = Server::start(executable, &directory, &[])?;
            let done = timeout(Duration::from_secs(60), $case(server)).await;
            done.map_err(|_| format!("{name}: not done"))?.map_err(|error| format!("{name}: {error}"))?;
            println!("{name}: {} ms", started.elapsed().as_millis());
        )*};
    }
    cases!(
        contract,
        two_replicas,
        killed,
        idle,
        stopped,
        waiting,
        many_waiting,
        reset,
        unreachable,
        separate,
        expired,
        evicting
    );
    password(executable, data)
        .await
        .map_err(|error| format!("password: {error}"))?;
    println!("password");
    if let Some(certificates) = tls {
        with_tls(executable, data, certificates)
            .await
            .map_err(|error| format!("TLS: {error}"))?;
        println!("TLS");
    }
    Ok(())
}

async fn contract(server: Server) -> Outcome<()> {
    let store = RedisStore::connect(server.url()).await?;
    let violations = check_store(store).await;
    ensure(violations.is_empty(), violations.join("\n"))
}

/// An entry of one replica reaches the other one while it waits.
async fn two_replicas(server: Server) -> Outcome<()> {
    let (reader, writer) = (
        RedisStore::connect(server.url()).await?,
        RedisStore::connect(server.url()).await?,
    );
    let append = async {
        sleep(Duration::from_millis(200)).await;
        let appended = writer.append("log", entry(b"1")).await;
        (appended, Instant::now())
    };
    let read = async { (reader.read_after("log", 0, LONG).await, Instant::now()) };
    let ((appended, then), (read, now)) = tokio::join!(append, read);
    ensure(read?.position == appended?, "the entry is not there")?;
    let delay = now.saturating_duration_since(then);
    ensure(
        delay < Duration::from_millis(200),
        format!("the entry took {delay:?}"),
    )
}

/// The server is killed in the middle of writes and starts again: no acknowledged write is lost, and calls go on.
async fn killed(mut server: Server) -> Outcome<()> {
    let store = Arc::new(RedisStore::connect(server.url()).await?);
    let writing = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let (mut acknowledged, mut failed) = (Vec::new(), 0);
            for number in 0..2_000_u32 {
                let key = format!("key-{number}");
                match store.put_if_absent(&key, entry(key.as_bytes())).await {
                    Ok(true) => acknowledged.push(key),
                    Ok(false) => return Err("put_if_absent saw its own value".to_owned()),
                    Err(_) => failed += 1,
                }
                sleep(Duration::from_millis(1)).await;
            }
            Ok((acknowledged, failed))
        })
    };
    for _ in 0..3 {
        sleep(Duration::from_millis(300)).await;
        server.kill()?;
        // A read waits for the server to come back.
        let read = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.get("absent").await.map_err(|error| error.to_string()) }
        });
        sleep(Duration::from_millis(500)).await;
        server.restart()?;
        ensure(read.await??.is_none(), "a value that nobody put")?;
    }
    let (acknowledged, failed) = writing.await??;
    for key in &acknowledged {
        let value = store.get(key).await?;
        ensure(
            value.as_deref() == Some(key.as_bytes()),
            format!("{key} is lost"),
        )?;
    }
    println!("  {} acknowledged, {failed} failed", acknowledged.len());
    // One write can be in flight at each kill.
    ensure(failed <= 3, format!("{failed} writes failed"))
}

/// After a restart while nothing was sent, a write succeeds.
async fn idle(mut server: Server) -> Outcome<()> {
    let store = RedisStore::connect(server.url()).await?;
    store.put_if_absent("a", entry(b"1")).await?;
    sleep(Duration::from_millis(1_100)).await;
    server.kill()?;
    server.restart()?;
    ensure(
        store.replace("a", b"1", entry(b"2")).await?,
        "the value is lost",
    )?;
    let position = store.append("log", entry(b"1")).await?;
    // The scripts are loaded again after a restart.
    ensure(
        store.last_position("log").await? == position,
        "the position is lost",
    )
}

/// A server that does not answer: calls fail in time, and go on when it answers.
async fn stopped(server: Server) -> Outcome<()> {
    let limit = Duration::from_millis(500);
    let store = RedisStore::connect(server.url()).await?.time_limit(limit);
    store.put_if_absent("a", entry(b"1")).await?;
    server.signal("STOP")?;
    let started = Instant::now();
    let calls = (0..50).map(|_| store.get("a"));
    let results = futures_util::future::join_all(calls).await;
    ensure(
        results.iter().all(Result::is_err),
        "a stopped server answered",
    )?;
    let put = store.put_if_absent("b", entry(b"1")).await;
    let text = put.err().ok_or("a stopped server answered")?.to_string();
    // The calls before have ended the connection.
    let is_clear =
        text.contains("no reply within 500 ms") || text.contains("cannot connect: timed out");
    ensure(is_clear, text)?;
    let read = store.read_after("log", 0, LONG).await;
    ensure(read.is_err(), "a stopped server answered a reader")?;
    ensure(
        started.elapsed() < limit * 5,
        format!("{:?}", started.elapsed()),
    )?;
    server.signal("CONT")?;
    ensure(
        store.get("a").await?.as_deref() == Some(b"1"),
        "the value is lost",
    )
}

/// A reader that waits while the server is killed gets the next entry. Its wait holds up no other calls.
async fn waiting(mut server: Server) -> Outcome<()> {
    let store = Arc::new(RedisStore::connect(server.url()).await?);
    let first = store.append("log", entry(b"1")).await?;
    let reader = Arc::clone(&store);
    let reading = tokio::spawn(async move {
        reader
            .read_after("log", first, LONG)
            .await
            .map_err(|error| error.to_string())
    });
    sleep(Duration::from_millis(200)).await;
    let get = timeout(Duration::from_millis(500), store.get("a")).await;
    ensure(get.is_ok(), "a waiting reader holds up other calls")?;
    server.kill()?;
    sleep(Duration::from_millis(200)).await;
    server.restart()?;
    let second = store.append("log", entry(b"2")).await;
    // The append may be the call that notices the lost connection.
    let second = match second {
        Ok(second) => second,
        Err(_) => store.append("log", entry(b"2")).await?,
    };
    let read = timeout(Duration::from_secs(10), reading).await???;
    ensure(
        !read.missed && read.entries[0].position == first + 1 && second > first,
        format!("{read:?}"),
    )
}

/// More waiting readers than connections for them.
async fn many_waiting(server: Server) -> Outcome<()> {
    let store = Arc::new(RedisStore::connect(server.url()).await?);
    let readers: Vec<_> = (0..100)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                store
                    .read_after("log", 0, LONG)
                    .await
                    .map_err(|error| error.to_string())
            })
        })
        .collect();
    sleep(Duration::from_millis(300)).await;
    let position = store.append("log", entry(b"1")).await?;
    for reader in readers {
        let read = timeout(Duration::from_secs(5), reader).await???;
        ensure(
            read.position == position && read.entries.len() == 1,
            format!("{read:?}"),
        )?;
    }
    Ok(())
}

/// Redis lost its data: a reader is told so.
async fn reset(mut server: Server) -> Outcome<()> {
    let store = RedisStore::connect(server.url()).await?;
    let before = store.append("log", entry(b"1")).await?;
    server.kill()?;
    let data = std::fs::read_dir(
        std::env::temp_dir()
            .join(format!("redis-faults-{}", std::process::id()))
            .join("reset"),
    )?;
    for file in data {
        let path = file?.path();
        if path.is_dir() {
            std::fs::remove_dir_all(path)?;
        } else {
            std::fs::remove_file(path)?;
        }
    }
    server.restart()?;
    sleep(Duration::from_millis(1_100)).await;
    let after = store.append("log", entry(b"2")).await?;
    ensure(after > before, "a position is used twice")?;
    let read = store.read_after("log", before, Duration::ZERO).await?;
    ensure(read.missed && read.position == after, format!("{read:?}"))
}

/// Errors name the address and no password.
async fn unreachable(mut server: Server) -> Outcome<()> {
    server.kill()?;
    let url = format!("redis://user:{PASSWORD}@127.0.0.1:{}", server.port);
    let started = Instant::now();
    let error = RedisStore::connect(url)
        .await
        .err()
        .ok_or("connected to nothing")?
        .to_string();
    ensure(
        started.elapsed() < Duration::from_secs(7),
        format!("{:?}", started.elapsed()),
    )?;
    ensure(
        error.contains(&server.port.to_string()) && error.contains("check that Redis runs"),
        &*error,
    )?;
    ensure(!error.contains(PASSWORD), &*error)?;
    for url in [
        format!("http://:{PASSWORD}@host"),
        format!("redis://:{PASSWORD}@host:port"),
        PASSWORD.to_owned(),
    ] {
        let error = RedisStore::connect(url)
            .await
            .err()
            .ok_or("a malformed URL")?
            .to_string();
        ensure(
            error.contains("not one like") && !error.contains(PASSWORD),
            error,
        )?;
    }
    Ok(())
}

/// Prefixes separate servers.
async fn separate(server: Server) -> Outcome<()> {
    let one = RedisStore::connect(server.url()).await?;
    let other = RedisStore::connect(server.url()).await?.prefix("other");
    one.put_if_absent("a", entry(b"1")).await?;
    one.append("log", entry(b"1")).await?;
    ensure(other.get("a").await?.is_none(), "a value of another prefix")?;
    ensure(
        other.last_position("log").await? == 0,
        "a log of another prefix",
    )
}

/// The entries of a log take no space after the last of them has expired, and do not count if the log is used again.
async fn expired(server: Server) -> Outcome<()> {
    const TIME_TO_LIVE: Duration = Duration::from_secs(3);
    let store = RedisStore::connect(server.url()).await?;
    // More than the 16 MiB of one log.
    let value = vec![1; 64 << 10];
    for _ in 0..260 {
        let entry = StoreEntry::new(&value, TIME_TO_LIVE);
        store.append("log", entry).await?;
    }
    let keys = keys(&server).await?;
    ensure(keys == 2, format!("{keys} keys of a log with entries"))?;
    sleep(TIME_TO_LIVE).await;
    let begun = Instant::now();
    while self::keys(&server).await? != 1 {
        ensure(begun.elapsed() < Duration::from_secs(20), "entries remain")?;
        sleep(Duration::from_millis(100)).await;
    }
    for value in [b"1", b"2"] {
        store.append("log", entry(value)).await?;
    }
    let read = store.read_after("log", 0, Duration::ZERO).await?;
    let values: Vec<_> = read.entries.iter().map(|entry| &entry.value[..]).collect();
    ensure(values == [b"1", b"2"], format!("{values:?}"))
}

/// Returns the number of keys of a server.
async fn keys(server: &Server) -> Outcome<usize> {
    let url = server.url();
    let address = url.strip_prefix("redis://").ok_or("a URL")?;
    let mut socket = BufReader::new(TcpStream::connect(address.trim_end_matches('/')).await?);
    socket.write_all(b"DBSIZE\r\n").await?;
    let mut reply = String::new();
    socket.read_line(&mut reply).await?;
    Ok(reply.trim_start_matches(':').trim_end().parse()?)
}

/// A full server refuses values with an error that says what to do.
async fn evicting(server: Server) -> Outcome<()> {
    drop(server);
    let directory = std::env::temp_dir()
        .join(format!("redis-faults-{}", std::process::id()))
        .join("full");
    std::fs::create_dir(&directory)?;
    let executable = std::env::args().nth(1).ok_or("no executable")?;
    let server = Server::start(Path::new(&executable), &directory, &["--maxmemory", "4mb"])?;
    let store = RedisStore::connect(server.url()).await?;
    let value = vec![1; 100_000];
    for number in 0..100 {
        if let Err(error) = store
            .put_if_absent(&number.to_string(), entry(&value))
            .await
        {
            let error = error.to_string();
            ensure(error.contains("raise `maxmemory`"), error)?;
            return ensure(
                store.get("0").await?.as_ref() == Some(&value),
                "a value was dropped",
            );
        }
    }
    Err("the server has no limit".into())
}

async fn password(executable: &Path, data: &Path) -> Outcome<()> {
    let directory = data.join("password");
    std::fs::create_dir(&directory)?;
    let server = Server::start(executable, &directory, &["--requirepass", PASSWORD])?;
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{}", server.port);
    let store = RedisStore::connect(url(PASSWORD)).await?;
    ensure(
        store.put_if_absent("a", entry(b"1")).await?,
        "the key exists",
    )?;
    ensure(
        !format!("{store:?}").contains(PASSWORD),
        "the password is printed",
    )?;
    for wrong in [url("wrong-horse"), server.url()] {
        let error = RedisStore::connect(wrong)
            .await
            .err()
            .ok_or("the password is not checked")?
            .to_string();
        ensure(
            !error.contains("horse") && error.contains("password"),
            error,
        )?;
    }
    Ok(())
}

async fn with_tls(executable: &Path, data: &Path, certificates: &Path) -> Outcome<()> {
    let directory = data.join("tls");
    std::fs::create_dir(&directory)?;
    let file = |name: &str| certificates.join(name).to_string_lossy().into_owned();
    let options = [
        "--tls-cert-file",
        &*file("server.pem"),
        "--tls-key-file",
        &*file("server.key"),
        "--tls-auth-clients",
        "no",
    ];
    let server = Server::start(executable, &directory, &options)?;
    let store = RedisStore::connect(format!("rediss://localhost:{}", server.port)).await?;
    let violations = check_store(store).await;
    ensure(violations.is_empty(), violations.join("\n"))?;
    // The certificate has the name `localhost` and no other.
    let other = RedisStore::connect(format!("rediss://127.0.0.1:{}", server.port)).await;
    let error = other
        .err()
        .ok_or("the name in the certificate is not checked")?
        .to_string();
    ensure(error.contains("certificate"), error)
}
