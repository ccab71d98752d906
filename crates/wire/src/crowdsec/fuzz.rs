//! Requests as strangers may send them.

use super::{GoDuration, Limits, ListQuery, StreamQuery, alerts, credentials};

/// Reads any bytes as every kind of request: queries, durations, alerts, credentials.
pub fn fuzz_crowdsec_request(bytes: &[u8]) {
    let limits = Limits::default();
    let text = String::from_utf8_lossy(bytes);
    if let Ok(duration) = text.parse::<GoDuration>() {
        assert_eq!(duration.to_string().parse(), Ok(duration), "read as it is written");
    }
    if let Ok(query) = StreamQuery::read(&text, &limits) {
        assert!((1..=limits.values_max).contains(&query.filter.scopes.len()));
    }
    if let Ok(query) = ListQuery::read(&text, &limits)
        && let Some((address, length)) = query.about
    {
        assert!(length <= if address.is_ipv4() { 32 } else { 128 });
    }
    if let Ok(credentials) = credentials(bytes, &limits) {
        assert!((1..=limits.text_bytes_max).contains(&credentials.machine_id.len()));
    }
    for alert in alerts(bytes, &limits).unwrap_or_default() {
        assert!(alert.scenario.len() <= limits.text_bytes_max);
        assert!(alert.seen.iter().all(|seen| seen.value.len() <= limits.text_bytes_max));
    }
}

#[cfg(test)]
mod tests {
    use super::fuzz_crowdsec_request;

    #[test]
    fn seeds_and_what_becomes_of_them() {
        let seeds: [&[u8]; 5] = [
            b"startup=true&scopes=ip,range&origins=cscli&scenarios_containing=ssh",
            b"ip=192.0.2.1&contains=false&range=2001:db8::/32&type=ban",
            b"-1h30m0.5s",
            br#"{"machine_id":"edge","password":"secret","scenarios":["a/b"]}"#,
            br#"[{"scenario":"a/b","source":{"scope":"Ip","value":"192.0.2.1"},"decisions":[{"duration":"4h","scope":"Ip","value":"192.0.2.1"}]}]"#,
        ];
        for seed in seeds {
            fuzz_crowdsec_request(seed);
            for at in 0..seed.len() {
                let mut changed = seed.to_vec();
                changed[at] ^= 0x15;
                fuzz_crowdsec_request(&changed);
                fuzz_crowdsec_request(&seed[..at]);
            }
        }
    }
}
