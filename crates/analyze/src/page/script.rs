//! Marks in scripts and texts: hiding, and what phishing kits leave behind.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;

/// Marks of kits: what stands in the page, and what it says.
pub(super) const KITS: &[(&str, &str)] = &[
    ("api.telegram.org/bot", "it reports to a Telegram bot"),
    ("chalbhai", "a form of the kit known as Chalbhai"),
    ("16shop", "the kit known as 16Shop"),
    ("xbaltii", "the kit known as XBALTI"),
    ("z118", "the kit known as Z118"),
    ("kr3pto", "the kit known as Kr3pto"),
    ("ex-robotos", "the kit known as Ex-Robotos"),
    ("antibots", "a filter against scanners"),
    ("/killbot", "a filter against scanners"),
    ("emailjs.send", "it mails what is typed by EmailJS"),
    ("smtpjs.com", "it mails what is typed by SmtpJS"),
    ("formspree.io", "it forwards what is typed by Formspree"),
    ("discord.com/api/webhooks", "it reports to a Discord channel"),
];

/// Ways to hide, each a sign and its words.
const HIDING: &[(&str, &str)] = &[
    ("eval(unescape(", "unpacked and run"),
    ("eval(atob(", "unpacked and run"),
    ("eval(function(p,a,c,k,e", "packed"),
    ("document.write(unescape(", "unpacked and written"),
    ("document.write(atob(", "unpacked and written"),
    ("document.write(decodeuricomponent(", "unpacked and written"),
    ("document.write(decodeuricomponent(escape(atob(", "unpacked and written"),
    ("function(_0x", "renamed by an obfuscator"),
    ("var _0x", "renamed by an obfuscator"),
    ("const _0x", "renamed by an obfuscator"),
];

pub(super) const MENU: &str = "oncontextmenu";

#[expect(clippy::expect_used, reason = "fixed words: the tests build the same automaton")]
fn finder() -> &'static AhoCorasick {
    static FINDER: OnceLock<AhoCorasick> = OnceLock::new();
    FINDER.get_or_init(|| {
        let words = KITS.iter().chain(HIDING).map(|(sign, _)| *sign).chain([MENU]);
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(words)
            .expect("a short list of words makes a small automaton")
    })
}

/// What the signs in a text say.
#[derive(Debug, Default, Clone)]
pub(super) struct Marks {
    /// Signs of kits, each once.
    pub(super) kits: Vec<&'static str>,
    /// How it hides.
    pub(super) hiding: Option<&'static str>,
    pub(super) blocks_menu: bool,
}

/// Looks for signs in `text`.
pub(super) fn marks(text: &[u8]) -> Marks {
    let mut marks = Marks::default();
    for hit in finder().find_iter(text) {
        let index = hit.pattern().as_usize();
        if let Some((sign, _)) = KITS.get(index) {
            if !marks.kits.contains(sign) {
                marks.kits.push(sign);
            }
        } else if let Some((_, words)) = HIDING.get(index.saturating_sub(KITS.len())) {
            marks.hiding = Some(words);
        } else {
            marks.blocks_menu = true;
        }
    }
    if marks.hiding.is_none() && escaped_share_is_high(text) {
        marks.hiding = Some("mostly escapes");
    }
    marks
}

/// Whether much of a long text is `%41`, `\x41` or `\u0041`.
fn escaped_share_is_high(text: &[u8]) -> bool {
    if text.len() < 400 {
        return false;
    }
    let escapes = text.windows(3).filter(|three| match three {
        [b'%', a, b] => a.is_ascii_hexdigit() && b.is_ascii_hexdigit(),
        [b'\\', b'x' | b'u', a] => a.is_ascii_hexdigit(),
        _ => false,
    });
    escapes.count().saturating_mul(6) > text.len()
}
