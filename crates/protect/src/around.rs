//! Networks without what is excepted in them: lists and firewalls know no exceptions.

use ipnet::IpNet;

/// The parts of a network around its holes, in order.
pub(crate) fn around(network: IpNet, holes: &[IpNet], parts: &mut Vec<IpNet>) {
    let inside = |part: &IpNet| holes.iter().any(|hole| part.contains(hole));
    if holes.iter().any(|hole| hole.contains(&network)) {
        return;
    }
    if !inside(&network) {
        parts.push(network);
        return;
    }
    // A network with something smaller in it is no single address: there are two halves.
    for half in halves(network) {
        let first = holes.partition_point(|hole| hole.broadcast() < half.network());
        let rest = holes.get(first..).unwrap_or_default();
        let end = rest.partition_point(|hole| hole.network() <= half.broadcast());
        around(half, rest.get(..end).unwrap_or_default(), parts);
    }
}

fn halves(network: IpNet) -> impl Iterator<Item = IpNet> {
    let length = network.prefix_len().saturating_add(1);
    network.subnets(length).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(network: &str, holes: &[&str]) -> Vec<String> {
        let mut holes: Vec<IpNet> = holes.iter().map(|hole| hole.parse().unwrap()).collect();
        holes.sort_unstable();
        let (mut parts, network) = (Vec::new(), network.parse::<IpNet>().unwrap());
        holes.retain(|hole| network.contains(hole) && hole.prefix_len() > network.prefix_len());
        around(network, &holes, &mut parts);
        parts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn parts_are_around_holes() {
        assert_eq!(parts("10.0.0.0/30", &[]), ["10.0.0.0/30"]);
        assert_eq!(parts("10.0.0.0/30", &["10.0.0.1/32"]), ["10.0.0.0/32", "10.0.0.2/31"]);
        assert_eq!(parts("10.0.0.0/30", &["10.0.0.0/31", "10.0.0.3/32"]), ["10.0.0.2/32"]);
        assert_eq!(parts("10.0.0.0/30", &["10.0.0.0/31", "10.0.0.2/31"]), [""; 0]);
        assert_eq!(parts("10.0.0.0/31", &["10.0.0.0/31", "10.0.0.1/32"]), ["10.0.0.0/32"]);
        assert_eq!(parts("10.0.0.0/31", &["10.0.0.0/24", "10.0.1.0/24"]), ["10.0.0.0/31"]);
        assert_eq!(parts("::/0", &["::/1"]), ["8000::/1"]);
        assert_eq!(parts("2a0e:5::/32", &["2a0e:5::1/128"]).len(), 96);
        assert_eq!(parts("10.0.0.1/32", &["::1/128", "10.0.0.2/32"]), ["10.0.0.1/32"]);
    }

    #[test]
    fn no_address_is_lost_or_let_out() {
        let holes = ["10.0.0.7/32", "10.0.0.32/28", "10.0.0.40/32", "10.0.0.250/31"];
        let parts: Vec<IpNet> =
            parts("10.0.0.0/24", &holes).iter().map(|part| part.parse().unwrap()).collect();
        let holes: Vec<IpNet> = holes.iter().map(|hole| hole.parse().unwrap()).collect();
        for last in 0..=255u8 {
            let address = std::net::IpAddr::from([10, 0, 0, last]);
            let is_in = |all: &[IpNet]| all.iter().filter(|one| one.contains(&address)).count();
            assert_eq!(is_in(&parts), usize::from(is_in(&holes) == 0), "{address}");
        }
    }
}
