//! The queries of bouncers.

use super::{Limits, RequestError};
use std::net::IpAddr;

/// Which decisions a bouncer wants; empty lists want all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Scopes, in lower case.
    pub scopes: Vec<String>,
    /// Who decided.
    pub origins: Vec<String>,
    /// Parts of the names of scenarios, one of which there has to be.
    pub scenarios_containing: Vec<String>,
    /// Parts of the names of scenarios, none of which there may be.
    pub scenarios_not_containing: Vec<String>,
}

impl Filter {
    /// Whether a decision is wanted.
    #[must_use]
    pub fn wants(&self, scope: &str, origin: &str, scenario: &str) -> bool {
        let is_one = |list: &[String], word: &str| {
            list.is_empty() || list.iter().any(|one| one.eq_ignore_ascii_case(word))
        };
        let contains = |part: &String| scenario.contains(part.as_str());
        is_one(&self.scopes, scope)
            && is_one(&self.origins, origin)
            && (self.scenarios_containing.is_empty()
                || self.scenarios_containing.iter().any(contains))
            && !self.scenarios_not_containing.iter().any(contains)
    }

    /// Whether it looks at more than scopes: at what may change while a decision stands.
    #[must_use]
    pub fn is_of_content(&self) -> bool {
        !self.origins.is_empty()
            || !self.scenarios_containing.is_empty()
            || !self.scenarios_not_containing.is_empty()
    }

    /// Takes a parameter; false where it is none of a filter.
    fn take(&mut self, name: &str, value: &str, limits: &Limits) -> Result<bool, RequestError> {
        let list = match name {
            "scopes" => &mut self.scopes,
            "origins" => &mut self.origins,
            "scenarios_containing" => &mut self.scenarios_containing,
            "scenarios_not_containing" => &mut self.scenarios_not_containing,
            _ => return Ok(false),
        };
        for one in value.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            if list.len() >= limits.values_max {
                let what = "values of one parameter";
                return Err(RequestError::TooMany { what, max: limits.values_max });
            }
            list.push(text(name, one, limits)?);
        }
        Ok(true)
    }

    fn settle(&mut self) {
        // The order of the values says nothing, and the same filter is the same bouncer.
        let lists = [
            &mut self.scopes,
            &mut self.origins,
            &mut self.scenarios_containing,
            &mut self.scenarios_not_containing,
        ];
        for list in lists {
            list.sort_unstable();
            list.dedup();
        }
    }
}

/// `GET /v1/decisions/stream`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamQuery {
    /// Whether everything is wanted, and not only what is new.
    pub startup: bool,
    /// Which decisions.
    pub filter: Filter,
}

impl StreamQuery {
    /// Reads a query string. Other parameters are passed over.
    pub fn read(query: &str, limits: &Limits) -> Result<Self, RequestError> {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name == "startup" {
                read.startup = value == "true";
            } else {
                read.filter.take(&name, &value, limits)?;
            }
        }
        if read.filter.scopes.is_empty() {
            read.filter.scopes = vec!["ip".to_owned(), "range".to_owned()];
        }
        read.filter.scopes.iter_mut().for_each(|scope| scope.make_ascii_lowercase());
        read.filter.settle();
        Ok(read)
    }
}

/// `GET /v1/decisions`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Of what: an address, or a network with the length of its prefix.
    pub about: Option<(IpAddr, u8)>,
    /// Whether what contains it is wanted, and not what it contains. Default true.
    pub containing: bool,
    /// The exact value.
    pub value: Option<String>,
    /// What to do.
    pub remediation: Option<String>,
    /// Which decisions.
    pub filter: Filter,
}

impl ListQuery {
    /// Reads a query string. An unknown parameter is an error: a misspelt filter must not let
    /// everything through.
    pub fn read(query: &str, limits: &Limits) -> Result<Self, RequestError> {
        let mut read = Self { containing: true, ..Self::default() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "ip" => read.about = Some(address(&value)?),
                "range" => read.about = Some(network(&value)?),
                "contains" => read.containing = boolean(&value)?,
                "scope" => read.filter.scopes.push(text("scope", &value, limits)?),
                "value" => read.value = Some(text("value", &value, limits)?),
                "type" => read.remediation = Some(text("type", &value, limits)?),
                // How much is told at once is ours to say, and nothing is told twice.
                "limit" | "simulated" | "dedup" => {}
                _ => {
                    if !read.filter.take(&name, &value, limits)? {
                        return Err(RequestError::Malformed(
                            "unknown parameter; known are `ip`, `range`, `contains`, `scope`, \
                             `value`, `type`, `scopes`, `origins` and `scenarios_containing`"
                                .to_owned(),
                        ));
                    }
                }
            }
        }
        read.filter.scopes.iter_mut().for_each(|scope| scope.make_ascii_lowercase());
        read.filter.settle();
        Ok(read)
    }
}

fn text(name: &str, value: &str, limits: &Limits) -> Result<String, RequestError> {
    if value.len() > limits.text_bytes_max {
        let max = limits.text_bytes_max;
        return Err(RequestError::Malformed(format!("`{name}` has more than {max} bytes")));
    }
    Ok(value.to_owned())
}

fn boolean(value: &str) -> Result<bool, RequestError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(RequestError::Malformed("`contains` is `true` or `false`".to_owned())),
    }
}

fn address(value: &str) -> Result<(IpAddr, u8), RequestError> {
    let address: IpAddr = value
        .parse()
        .map_err(|_| RequestError::Malformed("`ip` is no IPv4 or IPv6 address".to_owned()))?;
    let address = address.to_canonical();
    Ok((address, if address.is_ipv4() { 32 } else { 128 }))
}

fn network(value: &str) -> Result<(IpAddr, u8), RequestError> {
    let bad = || RequestError::Malformed("`range` is no network such as 192.0.2.0/24".to_owned());
    let Some((first, length)) = value.split_once('/') else { return address(value) };
    let first: IpAddr = first.parse().map_err(|_| bad())?;
    let length: u8 = length.parse().map_err(|_| bad())?;
    let bits = if first.is_ipv4() { 32 } else { 128 };
    if length > bits {
        return Err(bad());
    }
    match first.to_canonical() {
        canonical if canonical.is_ipv4() == first.is_ipv4() => Ok((first, length)),
        canonical => Ok((canonical, length.checked_sub(96).ok_or_else(bad)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(query: &str) -> StreamQuery {
        StreamQuery::read(query, &Limits::default()).unwrap()
    }

    fn list(query: &str) -> Result<ListQuery, RequestError> {
        ListQuery::read(query, &Limits::default())
    }

    #[test]
    fn a_stream_is_of_addresses_and_networks_unless_it_says_otherwise() {
        assert_eq!(stream("startup=true").filter.scopes, ["ip", "range"]);
        let asked = stream("startup=1&scopes=Range%2CIp&origins=cscli,,&unheard=of");
        assert_eq!((asked.startup, asked.filter.scopes.len()), (false, 2));
        assert_eq!(asked.filter.origins, ["cscli"]);
        assert_eq!(stream("origins=b,a"), stream("origins=a&origins=b"));
    }

    #[test]
    fn a_filter_wants_what_all_its_parts_want() {
        let filter =
            stream("origins=cscli&scenarios_containing=ssh,ftp&scenarios_not_containing=slow");
        let filter = filter.filter;
        assert!(filter.wants("Ip", "cscli", "a/ssh-bf"));
        assert!(!filter.wants("Ip", "cscli", "a/ssh-slow-bf"));
        assert!(!filter.wants("Ip", "other", "a/ssh-bf") && !filter.wants("Ip", "cscli", "http"));
        assert!(!filter.wants("Country", "cscli", "a/ssh-bf"));
    }

    #[test]
    fn a_list_is_asked_for_strictly() {
        assert_eq!(list("ip=::ffff:192.0.2.1").unwrap().about, list("ip=192.0.2.1").unwrap().about);
        let range = list("range=2001:db8::/32&contains=false").unwrap();
        assert_eq!(range.about.map(|(_, length)| length), Some(32));
        assert!(!range.containing);
        for bad in
            ["ip=1.2.3", "range=1.2.3.0/33", "contains=1", "scoop=ip", "range=::ffff:1.2.3.4/64"]
        {
            assert!(list(bad).is_err(), "{bad}");
        }
        let many = format!("origins={}", "a,".repeat(100));
        assert!(matches!(list(&many), Err(RequestError::TooMany { .. })));
    }
}
