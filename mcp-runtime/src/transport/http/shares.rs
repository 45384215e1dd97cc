//! The connections of each address: their number is limited, and idle ones end when file descriptors are lacking.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::timeouts::ConnectionTimeouts;
use crate::service::network;
use crate::sync::Mutex;

/// The part of all connections that one address can have is one over this number.
const SHARES: usize = 4;

/// The part of all connections that is left to others by an address whose connections may belong to many callers: that of a
/// proxy, or of this machine.
const LEFT: usize = 8;

/// The connections of each address.
#[derive(Clone, Default)]
pub(super) struct ConnectionShares(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    next: u64,
    addresses: HashMap<Option<IpAddr>, Connections>,
}

/// The connections of one address, by number.
type Connections = BTreeMap<u64, Arc<ConnectionTimeouts>>;

impl ConnectionShares {
    /// Counts a new connection until the returned guard is dropped. Returns the limit if the address has reached it: a quarter
    /// of all connections, or seven eighths if it is that of a proxy. Unix sockets have no address and no such limit.
    pub(super) fn take(
        &self,
        peer: Option<SocketAddr>,
        is_proxy: bool,
        connections: usize,
        timeouts: &Arc<ConnectionTimeouts>,
    ) -> Result<ConnectionGuard, usize> {
        let address = peer.map(|peer| network(peer.ip()));
        let limit = match address {
            None => usize::MAX,
            Some(_) if is_proxy => connections - connections / LEFT,
            Some(_) => connections.div_ceil(SHARES),
        };
        let mut table = self.0.lock();
        let number = table.next;
        let open = table.addresses.entry(address).or_default();
        if open.len() >= limit {
            return Err(limit);
        }
        open.insert(number, Arc::clone(timeouts));
        table.next += 1;
        Ok(ConnectionGuard {
            shares: self.clone(),
            address,
            number,
        })
    }

    /// Ends the connection that has been idle for the longest time, of the address that has the most idle connections. Returns
    /// `false` if all connections are busy.
    pub(super) fn evict(&self) -> bool {
        let table = self.0.lock();
        let idle = |open: &Connections| {
            let since = |it: &Arc<ConnectionTimeouts>| Some((it.idle_since()?, Arc::clone(it)));
            open.values().filter_map(since).collect::<Vec<_>>()
        };
        let most = table.addresses.values().map(idle).max_by_key(Vec::len);
        let longest = most.and_then(|idle| idle.into_iter().min_by_key(|(since, _)| *since));
        longest.is_some_and(|(_, timeouts)| {
            timeouts.evict();
            true
        })
    }
}

/// An open connection, which counts until this is dropped.
pub(super) struct ConnectionGuard {
    shares: ConnectionShares,
    address: Option<IpAddr>,
    number: u64,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        let addresses = &mut self.shares.0.lock().addresses;
        if let Some(open) = addresses.get_mut(&self.address) {
            open.remove(&self.number);
            if open.is_empty() {
                addresses.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::defaults_page::row;
    use crate::service::Limits;

    fn timeouts() -> Arc<ConnectionTimeouts> {
        Arc::new(ConnectionTimeouts::new(&Limits::default()))
    }

    fn peer(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().expect("an address"), 1)
    }

    // A test of the whole server would need an address of this machine that is not a loopback address.
    #[test]
    fn an_address_has_as_many_as_the_documentation_says() {
        let row = row("connections-of-address");
        row.says("the connection is closed");
        let (shares, limits) = (ConnectionShares::default(), Limits::default());
        let open = || {
            shares.take(
                Some(peer("192.0.2.1")),
                false,
                limits.connections,
                &timeouts(),
            )
        };
        let taken: Vec<_> = std::iter::repeat_with(open).map_while(Result::ok).collect();
        assert_eq!(taken.len(), row.number());
    }

    #[test]
    fn an_address_has_a_quarter_and_a_proxy_leaves_an_eighth() {
        let shares = ConnectionShares::default();
        let open = |address: &str, is_proxy| {
            let taken =
                (0..100).map(|_| shares.take(Some(peer(address)), is_proxy, 16, &timeouts()));
            taken.filter_map(Result::ok).collect::<Vec<_>>()
        };
        let one = open("192.0.2.1", false);
        assert_eq!(one.len(), 4);
        assert_eq!(open("192.0.2.2", false).len(), 4);
        assert_eq!(open("127.0.0.1", true).len(), 14);
        // One machine has all addresses of its IPv6 network.
        let six = open("2001:db8::1", false);
        assert_eq!((six.len(), open("2001:db8::2", false).len()), (4, 0));
        drop((one, six));
        assert_eq!(open("192.0.2.1", false).len(), 4);
        assert!(shares.0.lock().addresses.is_empty());
        assert!(shares.take(None, true, 0, &timeouts()).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_address_with_the_most_idle_connections_loses_the_one_that_was_idle_for_longest() {
        let shares = ConnectionShares::default();
        let connection = || {
            let timeouts = timeouts();
            let task = tokio::spawn(std::future::pending::<()>());
            timeouts.set_task(task.abort_handle());
            (timeouts, task)
        };
        let [(few, few_task), (busy, busy_task)] = [connection(), connection()];
        let [(first, first_task), (second, second_task)] = [connection(), connection()];
        let open = |address, timeouts| shares.take(Some(peer(address)), true, 16, timeouts);
        let one = open("192.0.2.1", &few);
        let _serving = busy.busy();
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        drop(first.busy());
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        drop(second.busy());
        // Newer connections may have waited for longer.
        let others = [&busy, &second, &first].map(|it| open("192.0.2.2", it));
        assert!(shares.evict());
        assert!(first_task.await.is_err_and(|error| error.is_cancelled()));
        assert!(
            [few_task, busy_task, second_task]
                .iter()
                .all(|task| !task.is_finished())
        );
        drop(others);
        drop(one);
        assert!(!shares.evict(), "there is no connection");
    }
}
