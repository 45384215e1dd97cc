//! A bounded map whose entries expire and have owners.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

use super::now;
use crate::owner::Owner;

/// A number of entries and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Capacity {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

/// The owner, the expiry time and the size of an entry.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) owner: Owner,
    /// The expiry time, in milliseconds since 1970.
    pub(crate) expires: u64,
    /// The size of a new entry in bytes, or the additional size of an existing one.
    pub(crate) bytes: usize,
}

/// A map with at most this many entries and bytes. No entry is dropped before it expires; instead, new ones are
/// refused. The map tracks the usage of each owner.
#[derive(Debug)]
pub(crate) struct Bounded<K, V, S = RandomState> {
    capacity: Capacity,
    used: Capacity,
    entries: HashMap<K, Entry<V>, S>,
    /// Expiry times and keys, the next to expire first.
    expiring: BTreeSet<(u64, K)>,
    owners: HashMap<Owner, Capacity>,
    /// The maximum of one owner, unless it is local; `None` if there is only the capacity of all.
    share: Option<Capacity>,
}

/// The part of a shared map that one owner can fill is one over this number.
const SHARES: usize = 8;

#[derive(Debug)]
struct Entry<V> {
    value: V,
    lease: Lease,
}

impl<K: Clone + Hash + Ord, V> Bounded<K, V> {
    /// Returns an empty map with these limits.
    pub(crate) fn new(entries: usize, bytes: usize) -> Self {
        Self::with_hasher(entries, bytes, RandomState::new())
    }
}

impl<K: Clone + Hash + Ord, V, S: BuildHasher> Bounded<K, V, S> {
    /// Returns an empty map with these limits and with another hash function for keys.
    pub(crate) fn with_hasher(entries: usize, bytes: usize, hasher: S) -> Self {
        Self {
            capacity: Capacity { entries, bytes },
            used: Capacity::default(),
            entries: HashMap::with_hasher(hasher),
            expiring: BTreeSet::new(),
            owners: HashMap::new(),
            share: None,
        }
    }

    /// Limits each owner to an eighth of the entries and bytes, so that one owner cannot fill the map for all. The map has no
    /// such limit for [`Owner::Local`].
    pub(crate) fn shared(mut self) -> Self {
        let Capacity { entries, bytes } = self.capacity;
        self.share = Some(Capacity {
            entries: entries.div_ceil(SHARES),
            bytes: bytes.div_ceil(SHARES),
        });
        self
    }

    /// Returns the value of a key, unless it has expired.
    pub(crate) fn get<Q: ?Sized + Eq + Hash>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_at(key, now())
    }

    /// Returns the value of a key, unless it has expired at this time, in milliseconds since 1970.
    pub(crate) fn get_at<Q: ?Sized + Eq + Hash>(&self, key: &Q, now: u64) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let entry = self.entries.get(key)?;
        (now < entry.lease.expires).then_some(&entry.value)
    }

    /// Returns the value of a key, unless it has expired.
    pub(crate) fn get_mut<Q: ?Sized + Eq + Hash>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let entry = self.entries.get_mut(key)?;
        (now() < entry.lease.expires).then_some(&mut entry.value)
    }

    /// Returns the value of a key, which is created if it is absent. The bytes of the lease are added to an existing
    /// entry, which keeps the later of both expiry times.
    ///
    /// # Errors
    /// Returns an error if the map is full. Nothing has changed in that case.
    pub(crate) fn hold(
        &mut self,
        key: K,
        lease: Lease,
        make: impl FnOnce() -> V,
    ) -> Result<&mut V, Full> {
        self.forget_expired();
        let known = self.entries.get(&key).map(|entry| entry.lease.clone());
        let more = Capacity {
            entries: usize::from(known.is_none()),
            bytes: lease.bytes,
        };
        if more != Capacity::default()
            && !self.has_space(&known.as_ref().unwrap_or(&lease).owner, more)
        {
            return Err(self.full(&lease.owner));
        }
        let lease = match known {
            Some(known) => {
                self.expiring.remove(&(known.expires, key.clone()));
                Lease {
                    owner: known.owner,
                    expires: lease.expires.max(known.expires),
                    bytes: lease.bytes + known.bytes,
                }
            }
            None => lease,
        };
        self.expiring.insert((lease.expires, key.clone()));
        self.used = self.used.plus(more);
        let owned = self.owners.entry(lease.owner.clone()).or_default();
        *owned = owned.plus(more);
        let entry = self.entries.entry(key).or_insert_with(|| Entry {
            value: make(),
            lease: lease.clone(),
        });
        entry.lease = lease;
        Ok(&mut entry.value)
    }

    /// Checks that there is capacity for more entries and bytes of an owner.
    ///
    /// # Errors
    /// Returns an error if the map is full.
    pub(crate) fn check(&mut self, owner: &Owner, more: Capacity) -> Result<(), Full> {
        self.forget_expired();
        if self.has_space(owner, more) {
            Ok(())
        } else {
            Err(self.full(owner))
        }
    }

    /// Adds and subtracts bytes of an existing entry. Bytes beyond the limit are accepted here; the next new entry is
    /// refused.
    pub(crate) fn resize<Q: ?Sized + Eq + Hash>(&mut self, key: &Q, more: usize, fewer: usize)
    where
        K: Borrow<Q>,
    {
        if let Some(Entry { lease, .. }) = self.entries.get_mut(key)
            && let Some(owned) = self.owners.get_mut(&lease.owner)
        {
            for bytes in [&mut lease.bytes, &mut self.used.bytes, &mut owned.bytes] {
                *bytes = (*bytes + more).saturating_sub(fewer);
            }
        }
    }

    /// Removes an entry.
    pub(crate) fn remove<Q: ?Sized + Eq + Hash>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (key, Entry { value, lease }) = self.entries.remove_entry(key)?;
        self.expiring.remove(&(lease.expires, key));
        self.used = self.used.without(lease.bytes);
        if let Some(owned) = self.owners.get_mut(&lease.owner) {
            *owned = owned.without(lease.bytes);
            if owned.entries == 0 {
                self.owners.remove(&lease.owner);
            }
        }
        Some(value)
    }

    /// Caches a value that can be created again: the entries next to expire are dropped to make space for it. A value that is
    /// larger than the whole map is not cached.
    pub(crate) fn cache(&mut self, key: K, lease: Lease, value: V) {
        let more = Capacity {
            entries: 1,
            bytes: lease.bytes,
        };
        if !more.is_within(self.capacity) {
            return;
        }
        while !self.used.plus(more).is_within(self.capacity)
            && let Some((_, first)) = self.expiring.first().cloned()
        {
            self.remove(&first);
        }
        let _ = self.hold(key, lease, || value);
    }

    /// Returns `true` if there is space for more of an owner.
    fn has_space(&self, owner: &Owner, more: Capacity) -> bool {
        let share = self.share.filter(|_| *owner != Owner::Local);
        let is_within_share = |share| self.owned_by(owner).plus(more).is_within(share);
        self.used.plus(more).is_within(self.capacity) && share.is_none_or(is_within_share)
    }

    /// Returns the usage of an owner.
    pub(crate) fn owned_by(&self, owner: &Owner) -> Capacity {
        self.owners.get(owner).copied().unwrap_or_default()
    }

    fn forget_expired(&mut self) {
        let now = now();
        while let Some((_, key)) = self.expiring.first().filter(|(expires, _)| *expires <= now) {
            let key = key.clone();
            self.remove(&key);
        }
    }

    fn full(&self, owner: &Owner) -> Full {
        let held = self.owned_by(owner);
        let Capacity { entries, bytes } = self.used;
        tracing::warn!(
            entries,
            bytes,
            %owner,
            held.entries = held.entries,
            held.bytes = held.bytes,
            "a bounded map is full and refuses new data"
        );
        let all = self.used.plus(Capacity {
            entries: 1,
            bytes: 0,
        });
        Full(if all.is_within(self.capacity) {
            held
        } else {
            self.used
        })
    }
}

impl Capacity {
    fn plus(self, more: Self) -> Self {
        Self {
            entries: self.entries + more.entries,
            bytes: self.bytes.saturating_add(more.bytes),
        }
    }

    fn is_within(self, most: Self) -> bool {
        self.entries <= most.entries && self.bytes <= most.bytes
    }

    fn without(self, bytes: usize) -> Self {
        Self {
            entries: self.entries.saturating_sub(1),
            bytes: self.bytes.saturating_sub(bytes),
        }
    }
}

/// The error of a full map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Full(Capacity);

impl fmt::Display for Full {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Capacity { entries, bytes } = self.0;
        write!(
            formatter,
            "the limit is reached: {entries} entries of {bytes} bytes are stored, and none has expired"
        )
    }
}

impl Error for Full {}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Owner = Owner::Session([1; 16]);
    const OTHER: Owner = Owner::Session([2; 16]);

    fn lease(owner: Owner, bytes: usize) -> Lease {
        Lease {
            owner,
            expires: now() + 60_000,
            bytes,
        }
    }

    fn lease_until(expires: u64) -> Lease {
        Lease {
            expires,
            ..lease(ONE, 10)
        }
    }

    fn expired(bytes: usize) -> Lease {
        Lease {
            expires: 0,
            ..lease(ONE, bytes)
        }
    }

    fn capacity(entries: usize, bytes: usize) -> Capacity {
        Capacity { entries, bytes }
    }

    #[test]
    fn a_full_map_refuses_and_drops_nothing_before_its_time() {
        let mut map = Bounded::new(2, 100);
        map.hold("a", lease(ONE, 10), || 1).unwrap();
        map.hold("b", lease(OTHER, 10), || 2).unwrap();
        assert!(map.hold("c", lease(ONE, 0), || 3).is_err());
        assert!(map.hold("a", lease(ONE, 81), || 1).is_err());
        assert_eq!((map.get("a"), map.get("b")), (Some(&1), Some(&2)));
        assert_eq!(map.used, capacity(2, 20));
        assert_eq!(map.remove("b"), Some(2));
        map.hold("c", lease(ONE, 90), || 3).unwrap();
        assert_eq!(map.owned_by(&ONE), capacity(2, 100));
        assert_eq!(map.owned_by(&OTHER), capacity(0, 0));
        assert_eq!(map.owners.len(), 1);
    }

    #[test]
    fn what_has_expired_is_no_more_and_makes_room() {
        let mut map = Bounded::new(1, 100);
        map.hold("a", expired(100), || 1).unwrap();
        assert_eq!(map.get("a"), None);
        assert_eq!(map.get_mut("a"), None);
        map.hold("b", lease(ONE, 100), || 2).unwrap();
        assert_eq!(map.get("b"), Some(&2));
        assert_eq!(map.used, capacity(1, 100));
        assert_eq!(map.expiring.len(), 1);
    }

    #[test]
    fn an_entry_that_is_held_again_lives_longer_and_grows() {
        let mut map = Bounded::new(1, 100);
        let long = lease(ONE, 10);
        map.hold("a", long.clone(), || 1).unwrap();
        for expires in [long.expires - 1, long.expires + 1] {
            let value = map.hold("a", lease_until(expires), || 2);
            assert_eq!(value.unwrap(), &1);
        }
        assert_eq!(Vec::from_iter(&map.expiring), [&(long.expires + 1, "a")]);
        assert_eq!(map.owned_by(&ONE), capacity(1, 30));
        map.resize("a", 100, 0);
        assert!(map.hold("a", lease(ONE, 1), || 1).is_err());
        map.resize("a", 0, 120);
        assert_eq!(map.used, capacity(1, 10));
    }

    #[test]
    fn a_cache_drops_the_soonest_to_expire() {
        let mut map = Bounded::new(2, 100);
        let long = lease(ONE, 10);
        for (key, more) in [("a", 2), ("b", 1), ("c", 3)] {
            let expires = long.expires + more;
            map.cache(key, lease_until(expires), more);
        }
        assert_eq!((map.get("a"), map.get("b")), (Some(&2), None));
        map.cache("d", lease(ONE, 95), 4);
        assert_eq!(map.used, capacity(1, 95));
        map.cache("e", lease(ONE, 101), 5);
        assert_eq!((map.get("e"), map.used), (None, capacity(1, 95)));
    }
}
