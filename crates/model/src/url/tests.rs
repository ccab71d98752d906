//! Published vectors, differences between clients, and texts that attackers write.

use super::*;
use crate::Key;

/// The rows of a fixture, without comments, split at tabs.
fn rows(fixture: &str) -> Vec<Vec<&str>> {
    let lines = fixture.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split('\t').collect()).collect()
}

/// Undoes the escapes of the fixtures.
fn raw(field: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = field.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        (rest, _) = match (first, after) {
            (b'\\', [b'x', high, low, rest @ ..]) => {
                let byte = nibble(*high).unwrap() << 4 | nibble(*low).unwrap();
                (rest, bytes.push(byte))
            }
            (b'\\', [b't', rest @ ..]) => (rest, bytes.push(b'\t')),
            (b'\\', [b'r', rest @ ..]) => (rest, bytes.push(b'\r')),
            (b'\\', [b'n', rest @ ..]) => (rest, bytes.push(b'\n')),
            (b'\\', [b's', rest @ ..]) => (rest, bytes.push(b' ')),
            (b'\\', [b'\\', rest @ ..]) => (rest, bytes.push(b'\\')),
            (other, rest) => (rest, bytes.push(*other)),
        };
    }
    bytes
}

fn canonical(text: &str) -> String {
    Url::parse(text).map_or_else(|error| format!("error: {error}"), |url| url.to_string())
}

#[test]
fn published_vectors() {
    let rows = rows(include_str!("../../tests/data/safe_browsing_urls.tsv"));
    assert!(rows.len() >= 50, "{}", rows.len());
    for row in rows {
        let [input, expected] = row[..] else { panic!("two columns: {row:?}") };
        let url = Url::parse_bytes(&raw(input)).unwrap_or_else(|error| panic!("{input}: {error}"));
        // The specification has no ports; our text keeps them and puts them nowhere else.
        let host_and_rest = format!("{}{}", url.host_text(), url.path_and_query());
        assert_eq!(format!("{}://{host_and_rest}", url.scheme().name()), expected, "{input}");
        if url.query() != Some("") {
            assert_eq!(url.expression(), host_and_rest, "{input}");
        }
        fuzz_url(&raw(input));
    }
}

#[test]
fn where_clients_differ_we_chose() {
    let rows = rows(include_str!("../../tests/data/url_clients_differ.tsv"));
    assert!(rows.len() >= 20, "{}", rows.len());
    for row in rows {
        let [input, ours, google_go, gglsbl, why] = row[..] else { panic!("columns: {row:?}") };
        let found = Url::parse_bytes(&raw(input));
        let found = found.as_ref().map_or("error", |url| url.as_str());
        assert_eq!(found, ours, "{input}: {why}");
        assert!(ours != google_go || ours != gglsbl, "{input}: nobody differs");
    }
}

#[test]
fn urls_without_a_host_or_of_other_schemes_are_refused() {
    for text in ["", " ", ":", "/blah", "#ref", "/blah#ref", "?q#ref", "/blah;p", "http://#ref"] {
        assert_eq!(Url::parse(text), Err(UrlError::NoHost), "{text}");
    }
    assert_eq!(Url::parse("http://?q"), Err(UrlError::NoHost));
    assert_eq!(Url::parse("http://.../"), Err(UrlError::Host(HostError::Empty)));
    for text in ["mailto:a@b.example", "javascript:1", "data:text/html,x", "user:pass@a.example"] {
        assert!(matches!(Url::parse(text), Err(UrlError::Scheme(_))), "{text}");
    }
    for text in ["<http://a.example/>", "\"https://a.example\"", "h**p://a.example", "<ftp:\\\\a"] {
        assert!(matches!(Url::parse(text), Err(UrlError::Scheme(_))), "{text}");
    }
    for text in ["http://a:b/", "http://a:1:2/", "http://a:65536/", "http://[::1]x/", "http://a:-1"]
    {
        assert_eq!(Url::parse(text), Err(UrlError::Port), "{text}");
    }
    for text in ["http://[::1/", "http://[::1%25eth0]/", "http://.[a]/", "http://[1.2.3.4]/"] {
        assert_eq!(Url::parse(text), Err(UrlError::Host(HostError::BadIpv6)), "{text}");
    }
}

#[test]
fn the_parts_are_where_they_belong() {
    let url = Url::parse("HTTPS://me:secret@Shop.Example.:8443/a/./b?c=d?#e").unwrap();
    assert_eq!(url.as_str(), "https://shop.example:8443/a/b?c=d?");
    assert_eq!(url.expression(), "shop.example/a/b?c=d?");
    assert_eq!((url.scheme(), url.port()), (Scheme::Https, Some(8443)));
    assert_eq!((url.path(), url.query()), ("/a/b", Some("c=d?")));
    assert_eq!(url.path_and_query(), "/a/b?c=d?");
    assert_eq!(url.host(), HostRef::Domain(DomainRef::trusted("shop.example")));
    let url = Url::parse("http://[2001:DB8::1]:80/").unwrap();
    assert_eq!(url.as_str(), "http://[2001:db8::1]/");
    assert_eq!(url.host(), HostRef::Address("2001:db8::1".parse().unwrap()));
    assert_eq!(url.port(), None);
    let url = Url::parse("http://%01a.example/?").unwrap();
    assert_eq!(url.host(), HostRef::Other("%01a.example"));
    assert_eq!((url.query(), url.expression()), (Some(""), "%01a.example/"));
    let url = Url::parse("http://a.example:81/q?").unwrap();
    assert_eq!((url.as_str(), url.expression()), ("http://a.example:81/q?", "a.example/q"));
}

#[test]
fn what_is_hashed_is_what_the_documentation_hashes() {
    let url = Url::parse("http://a.example.com/").unwrap();
    let key = Key::digest(url.expression().as_bytes());
    // developers.google.com/safe-browsing/reference/Local.Database.
    let documented = "291bc5421f1cd54d99afcc55d166e2b9fe42447025895bf09dd41b2110a687dc";
    assert_eq!(Some(key.0), crate::hex::decode(documented));
}

#[test]
fn disguises_fall_off() {
    assert_eq!(
        canonical("http://evil.example\\@good.example/"),
        "http://evil.example/@good.example/"
    );
    assert_eq!(canonical("http:\\\\evil.example\\x"), "http://evil.example/x");
    assert_eq!(canonical("http://good.example%40evil.example/"), "http://evil.example/");
    assert_eq!(canonical("http://evil。example／x"), "http://evil%E3%80%82example%EF%BC%8Fx/");
    assert_eq!(canonical("http://ＥＶＩＬ．example/"), "http://evil.example/");
    assert_eq!(canonical("http://１２７.0.0.1/"), "http://127.0.0.1/");
    assert_eq!(canonical("ht\ntp://e\tvil.example/"), "http://evil.example/");
    assert_eq!(canonical("http://a.example/%2e%2E/b"), "http://a.example/b");
    assert_eq!(canonical("http://a.example/../../x"), "http://a.example/x");
    assert_eq!(canonical("http://a.example/x/..%2fy"), "http://a.example/y");
    assert_eq!(canonical("localhost:8080"), "http://localhost:8080/");
}

#[test]
fn escapes_are_undone_in_linear_time_and_in_any_nesting() {
    let mut deep = "%41".to_owned();
    for _ in 0..2000 {
        deep = deep.replacen('%', "%25", 1);
    }
    assert_eq!(canonical(&format!("http://a.example/{deep}")), "http://a.example/A");
    assert_eq!(canonical("http://a.example/%%32%35%%34%31"), "http://a.example/%25A");
    let halves = format!("http://a.example/{}{}", "%".repeat(2000), "25".repeat(2000));
    assert_eq!(canonical(&halves), format!("http://a.example/{}", "%25".repeat(2000)));
}

/// The specification's own words: unescape again and again until nothing changes.
fn unescape_in_rounds(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        (rest, _) =
            match (after.first_chunk().map(|[high, low]| (nibble(*high), nibble(*low))), first) {
                (Some((Some(high), Some(low))), b'%') => (&after[2..], plain.push(high << 4 | low)),
                _ => (after, plain.push(*first)),
            };
    }
    if plain == text { plain } else { unescape_in_rounds(&plain) }
}

#[test]
fn one_pass_undoes_the_same_escapes_as_rounds_do() {
    const DIGITS: &[u8] = b"%%%%2255341";
    let mut state = 1_u64;
    for length in 0..2000 {
        let text: Vec<u8> = (0..length % 40)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                DIGITS[(state >> 33) as usize % DIGITS.len()]
            })
            .collect();
        let text = [b"x", text.as_slice(), b"x"].concat();
        assert_eq!(unescape(&text), unescape_in_rounds(&text), "{}", text.escape_ascii());
    }
}

#[test]
fn the_length_is_bounded_before_and_after_escaping() {
    let fits = format!("http://a.example/{}", "x".repeat(URL_BYTES_MAX - 17));
    assert_eq!(canonical(&fits), fits);
    assert_eq!(Url::parse(&format!("{fits}x")), Err(UrlError::TooLong(URL_BYTES_MAX + 1)));
    let grows = format!("http://a.example/{}", " ".repeat(4000) + "x");
    assert_eq!(Url::parse(&grows), Err(UrlError::TooLong(17 + 12_000 + 1)));
    assert!(matches!(
        Url::parse(&format!("http://{}/", "é".repeat(4000))),
        Err(UrlError::Host(HostError::TooLong(8000)))
    ));
}

#[test]
fn urls_sort_as_their_texts_do() {
    let mut urls: Vec<Url> =
        ["http://a.example:81/", "http://a.example:81/b", "http://a.example/z"]
            .map(|text| Url::parse(text).unwrap())
            .to_vec();
    urls.sort();
    let texts: Vec<&str> = urls.iter().map(Url::as_str).collect();
    assert_eq!(texts, ["http://a.example/z", "http://a.example:81/", "http://a.example:81/b"]);
}

#[test]
fn mutations_of_the_vectors_read_back_as_themselves() {
    const SPICE: &[u8] = b"%/\\.:@[]?#2540x \t\xE3\x80\x82\xFFa-_1";
    let fixtures = [
        include_str!("../../tests/data/safe_browsing_urls.tsv"),
        include_str!("../../tests/data/url_clients_differ.tsv"),
    ];
    let inputs: Vec<Vec<u8>> =
        fixtures.iter().flat_map(|fixture| rows(fixture)).map(|row| raw(row[0])).collect();
    let mut state = 0x5eed_u64;
    let mut random = move |below: usize| {
        // xorshift64: the same mutations on every run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..40_000 {
        let mut text = inputs[random(inputs.len())].clone();
        for _ in 0..=random(6) {
            let at = random(text.len() + 1);
            match random(3) {
                0 => text.insert(at, SPICE[random(SPICE.len())]),
                1 if at < text.len() => drop(text.remove(at)),
                _ => {
                    let other = &inputs[random(inputs.len())];
                    let from = random(other.len());
                    text.splice(at..at, other[from..].iter().copied().take(random(12)));
                }
            }
        }
        fuzz_url(&text);
        crate::fuzz_host(&text);
    }
}
