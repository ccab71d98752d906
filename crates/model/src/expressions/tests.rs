//! The documentation's examples, the limits, and what each expression says of itself.

use super::*;
use crate::DomainName;

fn texts<'a>(expressions: impl Iterator<Item = Expression<'a>>) -> Vec<&'a str> {
    expressions.map(|expression| expression.text).collect()
}

#[test]
fn published_examples() {
    let fixture = include_str!("../../tests/data/safe_browsing_expressions.tsv");
    let mut count = 0;
    for line in fixture.lines().filter(|line| !line.starts_with('#')) {
        let (url, expected) = line.split_once('\t').unwrap();
        let url = Url::parse(url).unwrap();
        let mut expected: Vec<&str> = expected.split(' ').collect();
        let mut found = texts(safe_browsing_expressions(&url, SuffixList::shipped()));
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{url}");
        count += 1;
    }
    assert!(count >= 15, "{count}");
}

#[test]
fn a_question_asks_every_host_and_directory() {
    let url = Url::parse("http://a.b.c.d.e.f.g.example.co.uk/1/2/3/4/5/6.html?q").unwrap();
    let list = SuffixList::shipped();
    let question = question_expressions(&url, list);
    assert_eq!(question.len(), 8 * (2 + 6));
    let found: Vec<Expression<'_>> = question.collect();
    let exact = "a.b.c.d.e.f.g.example.co.uk/1/2/3/4/5/6.html";
    assert_eq!((found[0].host_level, found[0].form), (0, Form::Exact));
    assert_eq!(found[0].text, format!("{exact}?q"));
    assert_eq!((found[1].text, found[1].form), (exact, Form::WithoutQuery));
    assert_eq!(found[2].text, "a.b.c.d.e.f.g.example.co.uk/1/2/3/4/5/");
    assert_eq!((found[2].form, found[2].is_prefix()), (Form::Directory, true));
    assert_eq!(found[8].host_level, 1);
    assert_eq!((found[63].host_level, found[63].text), (7, "example.co.uk/"));
    for wanted in safe_browsing_expressions(&url, list) {
        assert!(found.contains(&wanted), "{}", wanted.text);
    }
    assert_eq!(safe_browsing_expressions(&url, list).len(), 30);
}

#[test]
fn a_page_whose_query_ends_in_a_slash_is_a_page() {
    let page = Url::parse("http://docs.example.com/form?next=/a/").unwrap();
    assert!(!page.is_directory());
    let found: Vec<Expression<'_>> = question_expressions(&page, SuffixList::shipped()).collect();
    assert_eq!((found[0].text, found[0].is_prefix()), (page.expression(), false));
    assert!(Url::parse("http://docs.example.com/form/").unwrap().is_directory());
}

#[test]
fn limits_keep_the_exact_host_and_the_roots() {
    let host = format!("{}example.com", "x.".repeat(100));
    let url = Url::parse(&format!("http://{host}/{}end", "d/".repeat(100))).unwrap();
    let list = SuffixList::shipped();
    let found: Vec<Expression<'_>> = question_expressions(&url, list).collect();
    assert_eq!(found.len(), QUESTION_HOSTS_MAX * (1 + QUESTION_PREFIXES_MAX));
    assert_eq!(found[0].text, url.expression());
    assert_eq!(found[1].text, format!("{host}/{}", "d/".repeat(15)));
    let (first, last) = (found[17], found[found.len() - 1]);
    assert_eq!((first.host_level, last.host_level), (86, 100));
    assert_eq!(last.text, "example.com/");
}

#[test]
fn a_directory_is_not_asked_twice() {
    let url = Url::parse("http://a.example/1/2/?q").unwrap();
    let found: Vec<(&str, Form)> = question_expressions(&url, SuffixList::shipped())
        .map(|expression| (expression.text, expression.form))
        .collect();
    assert_eq!(
        found,
        [
            ("a.example/1/2/?q", Form::Exact),
            ("a.example/1/2/", Form::WithoutQuery),
            ("a.example/1/", Form::Directory),
            ("a.example/", Form::Directory),
        ]
    );
}

#[test]
fn domains_ask_down_to_the_registered_one() {
    let list = SuffixList::shipped();
    let check = |name: &str, expected: &[(u8, &str)]| {
        let name = DomainName::parse(name).unwrap();
        let found = host_expressions(&name, list);
        let found: Vec<_> = found.iter().map(|found| (found.host_level, found.text)).collect();
        assert_eq!(found, expected);
    };
    check(
        "a.b.example.co.uk",
        &[(0, "a.b.example.co.uk/"), (1, "b.example.co.uk/"), (2, "example.co.uk/")],
    );
    check("www.shop.github.io", &[(0, "www.shop.github.io/"), (1, "shop.github.io/")]);
    check("github.io", &[(0, "github.io/")]);
    check("localhost", &[(0, "localhost/")]);
    let longest = "abc.".repeat(63) + "d";
    let name = DomainName::parse(&longest).unwrap();
    let found = host_expressions(&name, list);
    assert_eq!(found.iter().next().unwrap().text, format!("{longest}/"));
    assert_eq!(found.iter().count(), QUESTION_HOSTS_MAX);
}

#[test]
fn keys_are_hashes_of_the_text() {
    let url = Url::parse("http://a.example:81/x").unwrap();
    let first = question_expressions(&url, SuffixList::shipped()).next().unwrap();
    assert_eq!(first.key(), Key::digest(b"a.example/x"));
}
