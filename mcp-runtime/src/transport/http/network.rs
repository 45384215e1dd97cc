//! Networks of IP addresses.

use std::net::IpAddr;

/// A network of IP addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    /// The number of leading bits that all addresses of the network have in common.
    prefix: u32,
}

impl Network {
    /// Parses an address, or an address and the length of a prefix.
    ///
    /// # Errors
    /// Returns the mistake in the text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let network = address.parse::<IpAddr>().ok().and_then(|address| {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            let prefix = prefix.map_or(Some(bits), |prefix| prefix.parse().ok())?;
            (prefix <= bits).then_some(Self { address, prefix })
        });
        network.ok_or_else(|| {
            format!(
                "the proxy `{text}` is not a network: write an address such as `10.0.0.7` or a network such as `10.0.0.0/8`"
            )
        })
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        let common = match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                (one.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => {
                (one.to_bits() ^ other.to_bits()).leading_zeros()
            }
            _ => return false,
        };
        common >= self.prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_addresses_with_an_optional_prefix() {
        for network in ["10.0.0.0/8", "0.0.0.0/0", "::/0", "192.0.2.1/32", "fd00::1"] {
            assert!(Network::parse(network).is_ok(), "{network}");
        }
        for network in [
            "",
            "10.0.0.0/33",
            "10/8",
            "example.com",
            "10.0.0.0/",
            "::1/129",
            "10.0.0.0/-1",
        ] {
            assert!(Network::parse(network).is_err(), "{network}");
        }
    }
}
