//! The addresses of callers behind proxies, from `X-Forwarded-For`.
//!
//! Each proxy appends the address of its client. Only the addresses that trusted proxies appended can be believed: the last
//! one that is not of a trusted proxy itself is the caller.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HeaderMap, HeaderName};

use super::options::HttpOptions;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The maximum number of addresses that are read.
const MAX_ADDRESSES: usize = 32;

impl HttpOptions {
    /// Returns the address of the caller behind trusted proxies, or `None` if the peer is the caller.
    pub(super) fn forwarded(
        &self,
        peer: Option<SocketAddr>,
        headers: &HeaderMap,
    ) -> Option<IpAddr> {
        if !headers.contains_key(&X_FORWARDED_FOR) || !self.is_proxy(peer.map(|peer| peer.ip())) {
            return None;
        }
        let mut values: Vec<&[u8]> = Vec::new();
        for value in headers.get_all(&X_FORWARDED_FOR) {
            values.extend(value.as_bytes().split(|byte| *byte == b','));
        }
        let addresses = values
            .into_iter()
            .rev()
            .take(MAX_ADDRESSES)
            .map_while(address);
        let mut last = None;
        for address in addresses {
            last = Some(address);
            if !self.is_proxy(last) {
                break;
            }
        }
        last
    }

    /// Returns `true` for the address of a trusted proxy. A socket without an address, such as a Unix socket, is of this
    /// machine.
    pub(super) fn is_proxy(&self, address: Option<IpAddr>) -> bool {
        address.is_none_or(|address| {
            let address = address.to_canonical();
            address.is_loopback() || self.proxies.iter().any(|network| network.contains(address))
        })
    }
}

/// Parses an address, which may have a port and the brackets of IPv6.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let plain = text.trim_start_matches('[').trim_end_matches(']');
    let address = plain.parse().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::super::network::Network;
    use super::*;

    fn forwarded(peer: &str, values: &[&str]) -> Option<String> {
        let options = HttpOptions {
            proxies: ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]
                .map(|network| Network::parse(network).expect("a network"))
                .into(),
            ..HttpOptions::default()
        };
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_str(value).expect("a value");
            headers.append(&X_FORWARDED_FOR, value);
        }
        let peer =
            (!peer.is_empty()).then(|| SocketAddr::new(peer.parse().expect("an address"), 1));
        options
            .forwarded(peer, &headers)
            .map(|address| address.to_string())
    }

    #[test]
    fn the_caller_is_the_last_address_that_is_not_a_trusted_proxy() {
        for (peer, values, expected) in [
            // Not behind a trusted proxy.
            ("203.0.113.1", &["198.51.100.1"][..], None),
            ("192.0.2.8", &["198.51.100.1"], None),
            ("127.0.0.1", &[], None),
            ("127.0.0.1", &["198.51.100.1"], Some("198.51.100.1")),
            ("::1", &["198.51.100.1"], Some("198.51.100.1")),
            ("::ffff:127.0.0.1", &["198.51.100.1"], Some("198.51.100.1")),
            ("", &["198.51.100.1"], Some("198.51.100.1")),
            ("192.0.2.7", &["198.51.100.1"], Some("198.51.100.1")),
            ("2001:db8::5", &["2001:db9::1"], Some("2001:db9::1")),
            // A client can forge all but the last.
            (
                "127.0.0.1",
                &["1.2.3.4, 198.51.100.1"],
                Some("198.51.100.1"),
            ),
            (
                "127.0.0.1",
                &["1.2.3.4", "198.51.100.1"],
                Some("198.51.100.1"),
            ),
            (
                "127.0.0.1",
                &["1.2.3.4, 198.51.100.1, 10.1.1.1, 127.0.0.1"],
                Some("198.51.100.1"),
            ),
            (
                "127.0.0.1",
                &["nonsense, 198.51.100.1"],
                Some("198.51.100.1"),
            ),
            ("127.0.0.1", &["198.51.100.1, nonsense"], None),
            // All are proxies: the first is the caller.
            ("127.0.0.1", &["10.0.0.1, 10.0.0.2"], Some("10.0.0.1")),
            ("127.0.0.1", &["nonsense, 10.0.0.2"], Some("10.0.0.2")),
            // Forms of addresses.
            ("127.0.0.1", &["198.51.100.1:4711"], Some("198.51.100.1")),
            ("127.0.0.1", &["[2001:db9::1]:4711"], Some("2001:db9::1")),
            ("127.0.0.1", &["[2001:db9::1]"], Some("2001:db9::1")),
            ("127.0.0.1", &["::ffff:198.51.100.1"], Some("198.51.100.1")),
        ] {
            assert_eq!(
                forwarded(peer, values).as_deref(),
                expected,
                "{peer} {values:?}"
            );
        }
    }
}
