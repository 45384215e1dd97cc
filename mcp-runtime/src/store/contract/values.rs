//! The contract of values under keys.

use std::sync::Arc;

use tokio::time::sleep;

use super::step::{Contract, EXPIRED, LONG, SHORT, Step, entry, race};
use crate::store::StoreEntry;

pub(super) async fn check(contract: &mut Contract) -> Step {
    let store = Arc::clone(&contract.store);
    let key = contract.name("a");
    contract.compare("get of an absent key", store.get(&key).await?, None);
    store.remove(&key).await?;
    let replaced = store.replace(&key, b"", entry(b"1")).await?;
    contract.compare("replace of an absent key", replaced, false);
    let put = store.put_if_absent(&key, entry(b"1")).await?;
    contract.compare("put_if_absent of an absent key", put, true);
    let put = store.put_if_absent(&key, entry(b"2")).await?;
    contract.compare("put_if_absent of a key that exists", put, false);
    let value = Some(b"1".to_vec());
    contract.compare("get after put_if_absent", store.get(&key).await?, value);
    let replaced = store.replace(&key, b"2", entry(b"3")).await?;
    contract.compare("replace of another value", replaced, false);
    let replaced = store.replace(&key, b"1", entry(b"3")).await?;
    contract.compare("replace of the value", replaced, true);
    let value = Some(b"3".to_vec());
    contract.compare("get after replace", store.get(&key).await?, value);
    store.remove(&key).await?;
    contract.compare("get after remove", store.get(&key).await?, None);
    let put = store.put_if_absent(&key, entry(b"")).await?;
    contract.compare("put_if_absent after remove", put, true);
    let empty = Some(Vec::new());
    contract.compare("get of an empty value", store.get(&key).await?, empty);
    bytes(contract).await
}

/// Values and keys of all kinds.
async fn bytes(contract: &mut Contract) -> Step {
    let store = Arc::clone(&contract.store);
    let every_byte: Vec<u8> = (0..=255).chain([0, 0]).collect();
    let large: Vec<u8> = every_byte.iter().copied().cycle().take(1 << 20).collect();
    let long_key = format!("{:x<100}", contract.name("k"));
    let other_key = format!("{}y", &long_key[..99]);
    for (what, value) in [
        ("a binary value", &every_byte),
        ("a value of 1 MiB", &large),
    ] {
        store.put_if_absent(&long_key, entry(value)).await?;
        let is_same = store.get(&long_key).await?.as_ref() == Some(value);
        contract.compare(&format!("get of {what}: is the same"), is_same, true);
        let replaced = store.replace(&long_key, value, entry(b"\0")).await?;
        contract.compare(&format!("replace of {what}"), replaced, true);
        store.remove(&long_key).await?;
    }
    store.put_if_absent(&long_key, entry(b"1")).await?;
    let other = store.get(&other_key).await?;
    contract.compare("get of another key of 100 bytes", other, None);
    store.remove(&long_key).await?;
    Ok(())
}

pub(super) async fn expiry(contract: &mut Contract) -> Step {
    let store = Arc::clone(&contract.store);
    let short = |value| StoreEntry::new(value, SHORT);
    let [gone, replaced, kept] = ["gone", "replaced", "kept"].map(|name| contract.name(name));
    store.put_if_absent(&gone, short(b"1")).await?;
    store.put_if_absent(&replaced, entry(b"1")).await?;
    store.replace(&replaced, b"1", short(b"2")).await?;
    store.put_if_absent(&kept, short(b"1")).await?;
    store
        .replace(&kept, b"1", StoreEntry::new(b"2", LONG))
        .await?;
    sleep(EXPIRED).await;
    contract.compare("get of an expired value", store.get(&gone).await?, None);
    let done = store.replace(&gone, b"1", entry(b"2")).await?;
    contract.compare("replace of an expired value", done, false);
    let done = store.put_if_absent(&gone, entry(b"2")).await?;
    contract.compare("put_if_absent of an expired key", done, true);
    let value = store.get(&kept).await?;
    contract.compare(
        "get of a value with a new time to live",
        value,
        Some(b"2".to_vec()),
    );
    // The time to live of a replaced value is that of the new one; a store may also keep the longer of both.
    store.remove(&replaced).await?;
    store.remove(&gone).await?;
    store.remove(&kept).await?;
    Ok(())
}

pub(super) async fn races(contract: &mut Contract) -> Step {
    let key = contract.name("race");
    let store = Arc::clone(&contract.store);
    let winners = |results: &[bool]| results.iter().filter(|won| **won).count();
    for round in 0..4 {
        let put = race(|number| {
            let (store, key) = (Arc::clone(&store), key.clone());
            async move {
                let value = number.to_string();
                store.put_if_absent(&key, entry(value.as_bytes())).await
            }
        });
        let put: Vec<bool> = put.await?.into_iter().collect::<Result<_, _>>()?;
        contract.compare(
            "concurrent put_if_absent: successful calls",
            winners(&put),
            1,
        );
        let winner = put.iter().position(|won| *won).unwrap_or_default();
        let value = winner.to_string().into_bytes();
        contract.compare(
            "get after the race",
            store.get(&key).await?,
            Some(value.clone()),
        );
        let replaced = race(|number| {
            let (store, key, old) = (Arc::clone(&store), key.clone(), value.clone());
            async move {
                let new = format!("{round}-{number}");
                store.replace(&key, &old, entry(new.as_bytes())).await
            }
        });
        let replaced: Vec<bool> = replaced.await?.into_iter().collect::<Result<_, _>>()?;
        contract.compare(
            "concurrent replace: successful calls",
            winners(&replaced),
            1,
        );
        store.remove(&key).await?;
    }
    Ok(())
}
