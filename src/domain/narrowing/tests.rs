//! Networks and API products against a small reference that looks at one bit, or name, after the other.

use proptest::prelude::*;

use super::*;

/// The bits of an address, as text: those of IPv4 by themselves, however they came.
fn bits(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.octets().map(|byte| format!("{byte:08b}")).concat(),
        IpAddr::V6(v6) => {
            let all = v6.octets().map(|byte| format!("{byte:08b}")).concat();
            let mapped = format!("{}{}", "0".repeat(80), "1".repeat(16));
            all.strip_prefix(&mapped).map_or(all.clone(), str::to_owned)
        }
    }
}

/// What the lists say, read from their texts without this program's types.
fn reference(networks: &[(IpAddr, usize)], address: IpAddr) -> bool {
    let address = bits(address);
    networks.iter().any(|(network, length)| {
        let (network, cut) = (bits(*network), matches!(network, IpAddr::V6(_)));
        let length = if cut && network.len() == 32 { length - 96 } else { *length };
        network.len() == address.len() && network[..length] == address[..length]
    })
}

/// An address of few bits, so that many are near each other; of one family, the other, or one within the other.
fn address() -> impl Strategy<Value = IpAddr> {
    (0_u8..3, 0_u8..4, 0_u8..4).prop_map(|(family, high, low)| {
        let v4 = [high << 6, 0, 0, low];
        match family {
            0 => IpAddr::from(v4),
            1 => IpAddr::from([v4[0], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, v4[3]]),
            _ => IpAddr::V6(std::net::Ipv4Addr::from(v4).to_ipv6_mapped()),
        }
    })
}

/// A network around such an address, with the text by which it is given.
fn any_network() -> impl Strategy<Value = (IpAddr, usize)> {
    (address(), 0_u8..=128).prop_map(|(address, length)| {
        let is_mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        let length = match address {
            IpAddr::V4(_) => length % 33,
            IpAddr::V6(_) if is_mapped => MAPPED_BITS + length % 33,
            IpAddr::V6(_) => length,
        };
        (IpNet::new(address, length).unwrap().trunc().addr(), length.into())
    })
}

fn given((address, length): &(IpAddr, usize)) -> String {
    format!("{address}/{length}")
}

proptest! {
    #[test]
    fn an_address_is_in_a_list_if_its_first_bits_are_those_of_an_entry(
        networks in prop::collection::vec(any_network(), 1..6),
        addresses in prop::collection::vec(address(), 1..20),
    ) {
        let text = networks.iter().map(given).collect::<Vec<_>>().join(" ");
        let list: Networks = text.parse().unwrap();
        for address in addresses {
            prop_assert_eq!(list.contains(address), reference(&networks, address), "{} in {}", address, text);
            let narrowing = Narrowing { products: None, addresses: Some(list.clone()) };
            prop_assert_eq!(narrowing.permits_address(address), list.contains(address));
            prop_assert!(Narrowing::default().permits_address(address));
        }
        prop_assert_eq!(list.to_string().parse::<Networks>().unwrap(), list);
    }

    #[test]
    fn a_product_is_permitted_if_the_list_has_it_or_there_is_none(
        names in prop::option::of(prop::collection::vec("[a-d]{1,2}", 1..8)),
        asked in "[a-d]{1,2}",
    ) {
        let expected = names.as_ref().is_none_or(|names| names.contains(&asked));
        let products = names.map(|names| names.join(" ").parse::<Products>().unwrap());
        let narrowing = Narrowing { products: products.clone(), addresses: None };
        prop_assert_eq!(narrowing.permits_product(&ProductName::new(&asked).unwrap()), expected);
        prop_assert_eq!(narrowing.shared().is_some(), products.is_some());
    }

    #[test]
    fn any_text_is_read_without_panic(text in ".{0,40}") {
        let _ = (text.parse::<Networks>(), text.parse::<Products>());
    }
}

#[test]
fn a_network_is_taken_as_it_is_meant_or_said_to_be_wrong() {
    for (text, read) in [
        ("192.0.2.7", Ok("192.0.2.7/32")),
        ("192.0.2.0/24", Ok("192.0.2.0/24")),
        ("0.0.0.0/0", Ok("0.0.0.0/0")),
        ("2001:db8::/32", Ok("2001:db8::/32")),
        ("2001:DB8::1", Ok("2001:db8::1/128")),
        ("::ffff:192.0.2.0/120", Ok("192.0.2.0/24")),
        ("::ffff:192.0.2.7", Ok("192.0.2.7/32")),
        ("::/0", Ok("::/0")),
        ("192.0.2.7/24", Err("the network is 192.0.2.0/24, the address by itself 192.0.2.7")),
        ("2001:db8::1/32", Err("the network is 2001:db8::/32")),
        ("192.0.2.0/33", Err("is no network of addresses such as")),
        ("192.0.2", Err("is no network")),
        ("192.0.2.0/", Err("is no network")),
        ("010.0.0.1", Err("is no network")),
        ("fe80::1%eth0", Err("is no network")),
        ("example.com", Err("is no network")),
        ("", Err("is no network")),
    ] {
        match (network(text), read) {
            (Ok(network), Ok(expected)) => assert_eq!(network.to_string(), expected, "{text}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{text}: {error}"),
            (found, expected) => panic!("{text}: {found:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn a_list_has_some_entries_each_once() {
    assert_eq!("b a  b".parse::<Products>().unwrap().to_string(), "a b");
    assert_eq!("10.0.0.1 10.0.0.1/32".parse::<Networks>().unwrap().to_string(), "10.0.0.1/32");
    assert_eq!(Products::new(Vec::new()), Err(InvalidList::Empty));
    assert_eq!(Networks::new(Vec::new()), Err(InvalidList::Empty));
    let many = |count: u32| (0..count).map(|number| IpAddr::from(number.to_be_bytes()).into()).collect();
    assert!(Networks::new(many(64)).is_ok());
    assert_eq!(Networks::new(many(65)), Err(InvalidList::TooLong));
}
