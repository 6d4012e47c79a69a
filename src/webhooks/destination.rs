//! Where a webhook may lead. Its address is a stranger's to choose, and the server stands in a network that others cannot reach:
//! what it sends may only go out to the public (OWASP API7:2023, server side request forgery).
//!
//! An address is looked at twice: here as it is written, when it is registered and before each try; and whatever its name
//! leads to is looked at when the connection is made (`notify`), so that a name which leads elsewhere by then helps nobody.

use crate::error::{Error, Result};
use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest address, in characters.
pub const URL_MAX: usize = 2_000;

/// Networks of IPv4 that are not the public's, as of the registry of special-purpose addresses (RFC 6890, kept by IANA).
const SPECIAL_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carriers' address translation
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // this machine
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // this link, and what clouds tell their machines
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocols
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 31, 196, 0), 24), // AS112
    (Ipv4Addr::new(192, 52, 193, 0), 24), // multicast without routes
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // relays of 6to4
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 3),     // multicast, reserved, broadcast
];

/// Networks within 2000::/3 that are not the public's, or lead into IPv4. All outside of 2000::/3 is not the public's either:
/// this machine, this link, unique local, multicast, IPv4 written as IPv6, the well-known prefix of NAT64.
const SPECIAL_V6: [(Ipv6Addr, u32); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocols: Teredo, ORCHID, benchmarks
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48), // AS112
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Whether an address is one of the public network, which anybody can reach.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let within =
                |(network, bits): &(Ipv4Addr, u32)| (address.to_bits() ^ network.to_bits()) >> (32 - bits) == 0;
            !SPECIAL_V4.iter().any(within)
        }
        IpAddr::V6(address) => {
            let within =
                |(network, bits): &(Ipv6Addr, u32)| (address.to_bits() ^ network.to_bits()) >> (128 - bits) == 0;
            let is_global_unicast = address.to_bits() >> 125 == 0b001;
            is_global_unicast && !SPECIAL_V6.iter().any(within)
        }
    }
}

/// Reads an address to which webhooks may be sent, as far as can be told without looking its name up.
///
/// # Errors
/// `invalid`, saying what is wrong and what would do.
pub fn read(text: &str, allow_private: bool) -> Result<Url> {
    let refused = |why: &str| Error::invalid(format!("url {why}, as in https://hooks.example.org/refrain."));
    if text.chars().count() > URL_MAX {
        return Err(refused(&format!("has at most {URL_MAX} characters")));
    }
    let url = Url::parse(text).map_err(|e| refused(&format!("cannot be read ({e}); it is a whole address")))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        _ => return Err(refused("begins with https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("holds no name and no password: deliveries are signed instead"));
    }
    if url.fragment().is_some() {
        return Err(refused("has no #, which is never sent"));
    }
    // Whatever way an IP address is written in, it is read as one here.
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_within = match address {
        Ok(address) => !is_public(address),
        Err(_) => {
            !host.contains('.')
                || ["localhost", "local", "internal"].iter().any(|end| host.ends_with(&format!(".{end}")))
        }
    };
    if is_within && !allow_private {
        return Err(refused(&format!("leads to {host}, which is not on the public network; it must be")));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_anybody_can_reach_is_public() {
        let public = "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 \
            169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.167.255.255 192.169.0.0 \
            198.17.255.255 198.20.0.0 198.51.99.255 203.0.112.255 203.0.114.0 223.255.255.255 2000:: 2001:200:: 2001:4860:4860::8888 \
            2003:: 2606:4700::1111 2a00:1450::1 3ffe:ffff::1 3fff:1000::";
        let not_public = "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255 \
            169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.170 192.0.2.255 192.31.196.1 \
            192.52.193.1 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.7 203.0.113.255 224.0.0.1 \
            239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:10.0.0.1 64:ff9b::a00:1 \
            64:ff9b:1::1 100::1 2001::1 2001:0:4136:e378::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::1 2001:db8::1 2002:7f00:1:: \
            2620:4f:8000::1 3fff::1 3fff:fff:ffff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fdff:ffff::1 fe80::1 febf::1 fec0::1 ff02::1 \
            ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        for (list, expected) in [(public, true), (not_public, false)] {
            for address in list.split_whitespace() {
                assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
            }
        }
    }

    #[test]
    fn addresses_are_taken_only_if_they_lead_out() {
        for good in [
            "https://hooks.example.org",
            "https://hooks.example.org:8443/a/b?c=d",
            "HTTPS://HOOKS.EXAMPLE.ORG/",
            "https://bücher.example/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
        ] {
            assert!(read(good, false).is_ok(), "{good}");
        }
        for (bad, says) in [
            ("", "whole address"),
            ("/hook", "whole address"),
            ("https://", "whole address"),
            ("http://hooks.example.org", "begins with https://"),
            ("ftp://hooks.example.org", "begins with https://"),
            ("file:///etc/passwd", "begins with https://"),
            ("gopher://hooks.example.org", "begins with https://"),
            ("https://u:p@hooks.example.org", "no password"),
            ("https://u@hooks.example.org", "no password"),
            ("https://hooks.example.org/#a", "no #"),
            ("https://localhost/", "public network"),
            ("https://localhost./", "public network"),
            ("https://a.localhost/", "public network"),
            ("https://printer.local/", "public network"),
            ("https://metadata.google.internal/", "public network"),
            ("https://intranet/", "public network"),
            ("https://127.0.0.1/", "public network"),
            ("https://127.0.0.1./", "public network"),
            ("https://127.1/", "public network"),
            ("https://2130706433/", "public network"),
            ("https://0x7f.0.0.1/", "public network"),
            ("https://0177.0.0.1/", "public network"),
            ("https://１２７.0.0.1/", "public network"),
            ("https://[::1]/", "public network"),
            ("https://[::ffff:10.0.0.1]/", "public network"),
            ("https://[64:ff9b::a9fe:a9fe]/", "public network"),
            ("https://169.254.169.254/latest/meta-data", "public network"),
        ] {
            let error = read(bad, false).expect_err(bad);
            assert!(error.detail().contains(says), "{bad}: {}", error.detail());
        }
        assert!(read(&format!("https://a.example/{}", "a".repeat(URL_MAX)), false).is_err());
        for within in ["http://127.0.0.1:9000/hook", "http://localhost:9000", "https://10.0.0.1/"] {
            assert!(read(within, true).is_ok(), "{within}");
        }
        for bad in ["ftp://127.0.0.1/", "http://u:p@127.0.0.1/"] {
            assert!(read(bad, true).is_err(), "{bad}");
        }
    }
}
