//! Writes to a store in a file and prints each write after it was acknowledged, until it is killed: store-writer FILE ROUND

use std::io::Write;
use std::time::Duration;

use mcp_runtime::{SqliteStore, Store, StoreEntry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> mcp_tests::Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(round)) = (arguments.next(), arguments.next()) else {
        return Err("usage: store-writer FILE ROUND".into());
    };
    let store = SqliteStore::open(path)?;
    let mut output = std::io::stdout();
    let mut acknowledge = |line: String| output.write_all(line.as_bytes());
    for number in 0_u32.. {
        // Of three keys, one is put, one is also replaced, and one is also replaced and removed.
        let key = format!("{round}-{number}");
        store.put_if_absent(&key, entry(b"1")).await?;
        acknowledge(format!("put {number}.\n"))?;
        if number % 3 > 0 {
            store.replace(&key, b"1", entry(b"2")).await?;
            acknowledge(format!("replace {number}.\n"))?;
        }
        if number % 3 > 1 {
            store.remove(&key).await?;
            acknowledge(format!("remove {number}.\n"))?;
        }
        let position = store.append("log", entry(key.as_bytes())).await?;
        acknowledge(format!("append {position}.\n"))?;
    }
    Ok(())
}

fn entry(value: &[u8]) -> StoreEntry<'_> {
    StoreEntry::new(value, Duration::from_secs(3_600))
}
