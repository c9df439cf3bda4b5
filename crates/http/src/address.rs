//! Which addresses may be asked.
//!
//! A repository's name comes from an App, and an App from a repository: whoever may commit could
//! otherwise make this machine ask its cloud's metadata service for credentials and read the answer
//! in an error. Names are checked after they were resolved, so that a name cannot hide an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which addresses may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressGuard {
    /// All but link-local, metadata, multicast and unspecified ones. Private networks may be asked:
    /// that is where many servers are.
    #[default]
    Usual,
    /// All.
    Everything,
}

/// Where AWS answers on IPv6, outside the link-local range.
const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
/// Where Alibaba and Oracle answer, outside the link-local range.
const OTHER_METADATA: [Ipv4Addr; 2] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];

impl AddressGuard {
    /// Whether an address may be asked.
    pub fn allows(self, address: IpAddr) -> bool {
        if self == Self::Everything {
            return true;
        }
        let address = match address {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
            v4 @ IpAddr::V4(_) => v4,
        };
        let guarded = match address {
            IpAddr::V4(v4) => v4.is_link_local() || OTHER_METADATA.contains(&v4),
            IpAddr::V6(v6) => v6.is_unicast_link_local() || v6 == AWS_METADATA,
        };
        !guarded && !address.is_unspecified() && !address.is_multicast()
    }
}

/// Resolves names by the system's resolver and leaves out what may not be asked.
#[derive(Debug)]
pub(crate) struct GuardedResolver(pub(crate) AddressGuard);

/// All addresses of a name are guarded.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{name}` leads to {address}, a link-local or metadata address, which is not asked")]
pub(crate) struct Guarded {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0;
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let first = found.first().map(SocketAddr::ip);
            let allowed: Vec<SocketAddr> =
                found.into_iter().filter(|address| guard.allows(address.ip())).collect();
            if let (true, Some(address)) = (allowed.is_empty(), first) {
                return Err(Guarded { name, address }.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl GuardedResolver {
    pub(crate) fn new(guard: AddressGuard) -> Arc<Self> {
        Arc::new(Self(guard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_addresses_are_guarded() {
        let check = |address: &str, allowed: bool| {
            let parsed = address.parse().expect("an address");
            assert_eq!(AddressGuard::Usual.allows(parsed), allowed, "{address}");
            assert!(AddressGuard::Everything.allows(parsed));
        };
        check("127.0.0.1", true);
        check("::1", true);
        check("10.1.2.3", true);
        check("192.0.2.1", true);
        check("169.254.169.254", false);
        check("::ffff:169.254.169.254", false);
        check("fe80::1", false);
        check("fd00:ec2::254", false);
        check("100.100.100.200", false);
        check("0.0.0.0", false);
        check("224.0.0.1", false);
    }
}
