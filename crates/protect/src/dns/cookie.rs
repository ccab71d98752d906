//! Cookies of the server: proof that a client lives at the address it writes from (RFC 9018).

use siphasher::sip::SipHasher24;
use std::hash::Hasher as _;
use std::net::IpAddr;

/// Octets of a whole cookie: the client's eight and our sixteen.
pub(super) const OCTETS: usize = 24;

/// Seconds for which a cookie is good, and by which a clock may be ahead (RFC 9018, section 4.3).
const AGE_MAX: u32 = 3600;
const AHEAD_MAX: u32 = 300;

/// Makes and checks cookies; every server of the process shares one secret.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cookies {
    secret: [u8; 16],
}

impl Cookies {
    pub(super) const fn new(secret: [u8; 16]) -> Self {
        Self { secret }
    }

    /// Whether a cookie was made here, for this address, and lately.
    pub(super) fn are_good(&self, cookie: &[u8], from: IpAddr, now: u32) -> bool {
        let Some((head, hash)) = cookie.split_first_chunk::<16>() else { return false };
        let [.., t3, t2, t1, t0] = *head;
        let made = u32::from_be_bytes([t3, t2, t1, t0]);
        // Serial number arithmetic (RFC 1982): the clock of 32 bits goes round.
        let (age, ahead) = (now.wrapping_sub(made), made.wrapping_sub(now));
        (age <= AGE_MAX || ahead <= AHEAD_MAX) && hash == self.hash(head, from)
    }

    /// The whole cookie for a client.
    pub(super) fn make(&self, cookie: &[u8], from: IpAddr, now: u32) -> Option<[u8; OCTETS]> {
        let client = cookie.first_chunk::<8>()?;
        let mut whole = [0u8; OCTETS];
        // Version 1, three octets reserved, the time, the hash.
        let parts = client.iter().chain(&[1, 0, 0, 0]).copied().chain(now.to_be_bytes());
        whole.iter_mut().zip(parts).for_each(|(place, octet)| *place = octet);
        let hash = self.hash(whole.first_chunk::<16>()?, from);
        whole.iter_mut().skip(16).zip(hash).for_each(|(place, octet)| *place = octet);
        Some(whole)
    }

    fn hash(&self, head: &[u8; 16], from: IpAddr) -> [u8; 8] {
        let mut hasher = SipHasher24::new_with_key(&self.secret);
        hasher.write(head);
        match from {
            IpAddr::V4(address) => hasher.write(&address.octets()),
            IpAddr::V6(address) => hasher.write(&address.octets()),
        }
        hasher.finish().to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 9018, appendix A.1.
    #[test]
    fn the_example_of_the_standard() {
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let secret = hex("e5e973e5a6b2a43f48e7dc849e37bfcf").try_into().unwrap();
        let client = hex("2464c4abcf10c957");
        let from: IpAddr = "198.51.100.100".parse().unwrap();
        let cookies = Cookies::new(secret);
        let made = cookies.make(&client, from, 0x5cf7_9f11).unwrap();
        assert_eq!(made.to_vec(), hex("2464c4abcf10c957010000005cf79f111f8130c3eee29480"));
        assert!(cookies.are_good(&made, from, 0x5cf7_9f11 + 3600));
        assert!(!cookies.are_good(&made, from, 0x5cf7_9f11 + 3601), "too old");
        assert!(!cookies.are_good(&made, "198.51.100.101".parse().unwrap(), 0x5cf7_9f11));
        assert!(!cookies.are_good(&client, from, 0x5cf7_9f11), "only the client's");
    }
}
