//! From an indicator to all that it lies in: the chain that a question follows.

use std::net::{IpAddr, SocketAddr};

use wardnet_model::{
    Form, HostRef, Indicator, Scope, SuffixList, Url, host_expressions, question_expressions,
};

/// One thing of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// What is looked up.
    pub(crate) indicator: Indicator,
    reach: Reach,
}

/// Which scopes of a link speak of the thing asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// It is the thing itself.
    Itself,
    /// The thing lies below it.
    Above,
    /// A network: whatever its scope, it speaks of its addresses.
    Around,
    /// An expression of a URL: of its own host or of a parent's, a page or a directory.
    Page { own_host: bool, form: Form },
}

impl Link {
    /// Whether a statement of this scope speaks of the thing asked about.
    pub(crate) fn applies(&self, scope: Scope) -> bool {
        match self.reach {
            Reach::Itself => scope.covers_self(),
            Reach::Above => scope.covers_beneath(),
            Reach::Around => true,
            Reach::Page { own_host, form } => match scope {
                Scope::Exact => own_host && form != Form::Directory,
                Scope::Subtree => true,
                Scope::Below => !(own_host && form == Form::Exact),
            },
        }
    }
}

/// The chain of `indicator`, the most specific first.
pub(crate) fn chain(indicator: &Indicator, suffixes: &SuffixList) -> Vec<Link> {
    let mut links = Vec::new();
    match indicator {
        Indicator::Url(url) => from_url(url, suffixes, &mut links),
        Indicator::Domain(name) => from_name(name.as_str(), suffixes, &mut links),
        Indicator::Address(address) => from_address(*address, 128, &mut links),
        Indicator::Network(network) => {
            from_address(network.addr(), network.prefix_len(), &mut links);
        }
        Indicator::Endpoint(endpoint) => {
            links.push(Link { indicator: indicator.clone(), reach: Reach::Itself });
            from_address(endpoint.ip(), 128, &mut links);
        }
        Indicator::Email(address) => {
            links.push(Link { indicator: indicator.clone(), reach: Reach::Itself });
            from_name(address.domain(), suffixes, &mut links);
        }
        other => links.push(Link { indicator: other.clone(), reach: Reach::Itself }),
    }
    links
}

fn from_url(url: &Url, suffixes: &SuffixList, links: &mut Vec<Link>) {
    for expression in question_expressions(url, suffixes) {
        let own_host = expression.host_level == 0;
        let reach = Reach::Page { own_host, form: expression.form };
        let found = if expression.text == url.expression() {
            Ok(url.clone())
        } else {
            // Stored under the expression, whatever the scheme was.
            Url::parse(&format!("http://{}", expression.text))
        };
        if let Ok(found) = found {
            links.push(Link { indicator: Indicator::Url(found), reach });
        }
    }
    match url.host() {
        HostRef::Domain(name) => from_name(name.as_str(), suffixes, links),
        HostRef::Address(address) => {
            let port = url.port().unwrap_or_else(|| url.scheme().default_port());
            let indicator = Indicator::Endpoint(SocketAddr::new(address, port));
            links.push(Link { indicator, reach: Reach::Itself });
            from_address(address, 128, links);
        }
        HostRef::Other(_) => {}
    }
}

fn from_name(name: &str, suffixes: &SuffixList, links: &mut Vec<Link>) {
    let Ok(name) = wardnet_model::DomainName::parse(name) else { return };
    for expression in host_expressions(&name, suffixes).iter() {
        let text = expression.text.trim_end_matches('/');
        let reach = if expression.host_level == 0 { Reach::Itself } else { Reach::Above };
        if let Ok(name) = wardnet_model::DomainName::parse(text) {
            links.push(Link { indicator: Indicator::Domain(name), reach });
        }
    }
}

/// Every network of at most `longest` bits around an address; few of them are known.
fn from_address(address: IpAddr, longest: u8, links: &mut Vec<Link>) {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let networks = (0..=longest.min(bits)).rev();
    links.extend(networks.filter_map(|length| {
        let indicator = wardnet_model::network(&format!("{address}/{length}")).ok()?;
        Some(Link { indicator, reach: Reach::Around })
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let indicator = Indicator::parse(text).unwrap();
        let links = chain(&indicator, SuffixList::shipped());
        links.iter().map(|link| link.indicator.to_string()).collect()
    }

    #[test]
    fn a_url_lies_in_its_directories_its_host_and_the_parents() {
        assert_eq!(
            texts("https://a.evil.co.uk/kit/x.html"),
            [
                "https://a.evil.co.uk/kit/x.html",
                "http://a.evil.co.uk/kit/",
                "http://a.evil.co.uk/",
                "http://evil.co.uk/kit/x.html",
                "http://evil.co.uk/kit/",
                "http://evil.co.uk/",
                "a.evil.co.uk",
                "evil.co.uk",
            ]
        );
    }

    #[test]
    fn an_address_lies_in_every_network_around_it() {
        let networks = texts("45.95.11.9");
        assert_eq!(networks.len(), 33);
        assert_eq!(networks[..2], ["45.95.11.9", "45.95.11.8/31"]);
        assert_eq!(texts("45.95.11.0/24").len(), 25);
        assert_eq!(texts("ops@evil.top"), ["ops@evil.top", "evil.top"]);
    }

    #[test]
    fn scopes_apply_as_they_do_in_an_answer() {
        let indicator = Indicator::parse("http://a.evil.top/kit/x").unwrap();
        let links = chain(&indicator, SuffixList::shipped());
        let applying = |scope| -> Vec<String> {
            let links = links.iter().filter(|link| link.applies(scope));
            links.map(|link| link.indicator.to_string()).collect()
        };
        assert_eq!(applying(Scope::Exact), ["http://a.evil.top/kit/x", "a.evil.top"]);
        let first = "http://a.evil.top/kit/x".to_owned();
        assert!(!applying(Scope::Below).contains(&first));
        assert!(applying(Scope::Below).contains(&"evil.top".to_owned()));
        assert_eq!(applying(Scope::Subtree).len(), links.len());
    }
}
