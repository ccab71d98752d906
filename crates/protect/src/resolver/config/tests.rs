//! Settings: what is refused, what a policy is for, what makes two resolvers share sockets.

use super::*;

fn parse(text: &str) -> Result<ResolverConfig, serde_json::Error> {
    serde_json::from_str(text)
}

fn small() -> ResolverConfig {
    parse(r#"{"listen": ["127.0.0.1:53"], "upstreams": ["udp://192.0.2.53"]}"#).unwrap()
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = small();
    assert_eq!(config.complaint(), None);
    assert!(config.rebinding_protection && !config.validate);
    assert_eq!(config.without_verdicts, WithoutVerdicts::Servfail);
    let may_ask = |text: &str| {
        let address: IpAddr = text.parse().unwrap();
        config.access.iter().any(|network| network.contains(&address))
    };
    assert!(may_ask("127.0.0.1") && may_ask("192.168.7.7") && may_ask("fd00::1"));
    assert!(!may_ask("192.0.2.1") && !may_ask("2001:db8::1"), "no open resolver by default");
}

#[test]
fn mistakes_are_told() {
    for (text, part) in [
        (r#"{"lisen": []}"#, "lisen"),
        (r#"{"upstreams": ["dns.example.net"]}"#, "is no upstream"),
        (r#"{"access": ["10.0.0.0/33"]}"#, "is no network"),
        (r#"{"policy": [{"level": "paranoid"}]}"#, "no security level"),
        (r#"{"policy": [{"categories": ["fishing"]}]}"#, "no category"),
        (r#"{"policy": [{"action": "drop"}]}"#, "drop"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn values_that_contradict_each_other_are_told() {
    let complaint = |change: fn(&mut ResolverConfig)| {
        let mut config = small();
        change(&mut config);
        config.complaint().unwrap_or_default()
    };
    assert!(complaint(|config| config.listen.clear()).contains("listens nowhere"));
    assert!(complaint(|config| config.upstreams.clear()).contains("no `upstreams`"));
    assert!(complaint(|config| config.tls_key = Some("key.pem".into())).contains("only one of"));
    assert!(complaint(|config| config.dot = config.listen.clone()).contains("need"));
    assert!(complaint(|config| config.limits.in_flight_max = 0).contains("at least 1"));
    assert!(complaint(|config| config.limits.udp_bytes_max = 100).contains("512"));
    let page = complaint(|config| {
        config.policy = vec![PolicyConfig { action: Action::Page, ..PolicyConfig::default() }];
    });
    assert!(page.contains("block_page"));
}

#[test]
fn a_policy_is_for_its_networks() {
    let text = r#"{"networks": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"], "level": "high"}"#;
    let policy: PolicyConfig = serde_json::from_str(text).unwrap();
    for (client, expected) in
        [("10.1.1.1", true), ("11.1.1.1", false), ("2001:db8::1", true), ("192.0.2.7", true)]
    {
        assert_eq!(policy.is_for(client.parse().unwrap()), expected, "{client}");
    }
    assert!(PolicyConfig::default().is_for("198.51.100.1".parse().unwrap()));
}

#[test]
fn other_policies_need_no_other_sockets() {
    let one = small();
    let mut other = one.clone();
    other.policy.push(PolicyConfig::default());
    other.validate = true;
    assert!(one.listens_like(&other) && one != other);
    other.doh_path = "/other".to_owned();
    assert!(!one.listens_like(&other));
}
