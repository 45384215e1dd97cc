//! The addresses of documents, and the rule which of them may be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::Uri;

/// The maximum length of a URL in bytes.
const LONGEST: usize = 2048;

/// The URL of a document: `https`, or `http` with the address of a loopback interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    uri: Uri,
    /// The host, without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_https: bool,
}

impl Address {
    /// Parses a URL.
    ///
    /// # Errors
    /// Returns an error, which names the URL, if it has a different scheme, user information or a fragment, if it is longer
    /// than 2,048 bytes, or if it is `http` and its host is not a literal loopback address.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        Self::parts(url).map_err(|why| {
            let shown: String = url.chars().take(200).collect();
            format!("the URL {shown:?} is not accepted: {why}")
        })
    }

    fn parts(url: &str) -> Result<Self, &'static str> {
        if url.len() > LONGEST {
            return Err("it is longer than 2,048 bytes");
        }
        let uri: Uri = url.parse().map_err(|_| "it is not an absolute URL")?;
        let authority = uri.authority().ok_or("it is not an absolute URL")?;
        if url.contains('#') || authority.as_str().contains('@') {
            return Err("it has a fragment or user information");
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if is_loopback(&host) => false,
            _ => return Err("use https; http is accepted for 127.0.0.0/8 and [::1] only"),
        };
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if authority.as_str().ends_with(':') => return Err("its port is empty"),
            None if is_https => 443,
            None => 80,
        };
        Ok(Self {
            uri,
            host,
            port,
            is_https,
        })
    }

    /// Returns the value of the header `Host`.
    pub(super) fn authority(&self) -> &str {
        self.uri
            .authority()
            .map_or("", |authority| authority.as_str())
    }

    /// Returns the scheme and the authority.
    pub(super) fn origin(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(super) fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// Returns the path and the query.
    pub(super) fn target(&self) -> &str {
        self.uri
            .path_and_query()
            .map_or("/", |target| target.as_str())
    }

    /// Returns `true` if the host is a literal loopback address.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The networks, beside the public Internet, whose hosts may be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// This host. Set if the configured URL is a literal loopback address.
    pub(super) loopback: bool,
    /// This host and private networks. Set by the operator.
    pub(super) private: bool,
}

impl Reach {
    /// Returns `true` if a host with this address may be reached.
    pub(super) fn allows(self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        is_public(ip)
            || (ip.is_loopback() && (self.loopback || self.private))
            || (self.private && is_private(ip))
    }
}

/// Returns `true` for the addresses of private networks. Link-local addresses are not among them: they include the metadata
/// services of clouds.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || in_v4(ip, [100, 64, 0, 0], 10),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// The networks of the registry of special-purpose IPv4 addresses (RFC 6890) that are not globally reachable, multicast and
/// the reserved class E.
const SPECIAL_V4: [([u8; 4], u32); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

fn is_public_v4(ip: Ipv4Addr) -> bool {
    !SPECIAL_V4
        .iter()
        .any(|(network, bits)| in_v4(ip, *network, *bits))
}

fn in_v4(ip: Ipv4Addr, network: [u8; 4], bits: u32) -> bool {
    let differing = ip.to_bits() ^ u32::from_be_bytes(network);
    differing.leading_zeros() >= bits
}

/// Global unicast is `2000::/3`. Of it, the addresses for protocols (`2001::/23`, with Teredo), for documentation and of 6to4
/// are not reached. The addresses of NAT64 (`64:ff9b::/96`) contain an IPv4 address, which decides.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
        [0x2002, ..] => false,
        [0x3fff, second, ..] => second >= 0x1000,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_are_not_safe_are_refused() {
        for url in [
            "",
            "issuer",
            "/path",
            "http://example.com",
            "http://localhost:8080",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://127.0.0.1.example.com",
            "http://[::2]",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
            "https://user:password@example.com",
            "https://example.com@127.0.0.1",
            "https://example.com#fragment",
            "https://example.com:",
            "https://exa mple.com",
            "https://",
            "https:///path",
            &format!("https://example.com/{}", "a".repeat(LONGEST)),
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(error.contains("is not accepted"), "{error}");
        }
    }

    #[test]
    fn the_parts_of_urls() {
        let address = Address::parse("https://example.com/a/b?c=d").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("example.com", 443));
        assert_eq!(address.origin(), "https://example.com");
        assert_eq!(address.target(), "/a/b?c=d");
        let address = Address::parse("http://[::1]:8080").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("::1", 8080));
        assert_eq!((address.authority(), address.target()), ("[::1]:8080", "/"));
        assert!(!address.is_https && address.is_loopback());
        assert_eq!(Address::parse("http://127.9.9.9").unwrap().port, 80);
    }

    #[test]
    fn only_public_addresses_are_reached() {
        let public = [
            "1.1.1.1",
            "93.184.216.34",
            "2606:4700::1111",
            "2001:4860::8888",
        ];
        let loopback = ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"];
        let private = [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ];
        let never = [
            "0.0.0.0",
            "169.254.169.254",
            "192.0.0.1",
            "198.18.0.1",
            "203.0.113.7",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:a00:1::",
            "3fff::1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "::ffff:169.254.169.254",
        ];
        let reaches = [(false, false), (true, false), (false, true)];
        for (loopback_too, private_too) in reaches {
            let reach = Reach {
                loopback: loopback_too,
                private: private_too,
            };
            let cases = [
                (&public[..], true),
                (&["64:ff9b::101:101"], true),
                (&loopback[..], loopback_too || private_too),
                (&private[..], private_too),
                (&never[..], false),
            ];
            for (addresses, is_allowed) in cases {
                for address in addresses {
                    let ip = address.parse().unwrap();
                    assert_eq!(reach.allows(ip), is_allowed, "{address} with {reach:?}");
                }
            }
        }
    }
}
