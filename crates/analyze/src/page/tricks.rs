//! Tricks that need no password: asking for a wallet's recovery phrase, talking visitors into running
//! a command, and putting a file together where no scanner of downloads sees it.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;

use super::names;

/// What a recovery phrase is called, without blanks.
const PHRASES: [&str; 12] = [
    "backupphrase",
    "frasederecuperacion",
    "frasedesemilla",
    "frasesemilla",
    "mnemonicphrase",
    "mnemonicwords",
    "phrasederecuperation",
    "phrasesecretederecuperation",
    "recoveryphrase",
    "recoverywords",
    "seedphrase",
    "wiederherstellungsphrase",
];

/// Fields in which nobody types a phrase, by what they are called.
const OTHER_FIELDS: [&str; 10] = [
    "author",
    "comment",
    "email",
    "find",
    "message",
    "newsletter",
    "search",
    "subject",
    "subscri",
    "website",
];

/// How many words a phrase has at least, each in a field of its own.
const PHRASE_WORDS_MIN: usize = 12;

/// How far before a field, in bytes of plain text, its label stands.
const LABEL_BYTES: usize = 60;
/// How far before it, what tells to fill it in.
const TELLING_BYTES: usize = 240;

/// How many words after telling where to paste a page tells to paste.
const PASTE_WORDS_MAX: usize = 60;

/// The text of a page: words in plain small letters, with one blank before each.
#[derive(Debug, Default)]
pub(super) struct Words {
    text: String,
    is_open: bool,
}

impl Words {
    /// Adds text, which may go on with a word that is open; what is beyond `bytes_max` is left out.
    pub(super) fn push(&mut self, text: &[u8], bytes_max: usize) {
        for sign in String::from_utf8_lossy(text).chars() {
            if self.text.len() >= bytes_max {
                return;
            }
            match sign {
                'a'..='z' | '0'..='9' => self.sign(sign),
                'A'..='Z' => self.sign(sign.to_ascii_lowercase()),
                '\u{2318}' => self.text.push_str(" command"),
                sign if sign.is_alphanumeric() => names::plain(sign).for_each(|s| self.sign(s)),
                _ => self.end(),
            }
        }
    }

    /// Ends the word that is open.
    pub(super) fn end(&mut self) {
        self.is_open = false;
    }

    fn sign(&mut self, sign: char) {
        if !self.is_open {
            self.text.push(' ');
            self.is_open = true;
        }
        self.text.push(sign);
    }

    fn tail(&self, bytes: usize) -> &str {
        let start = self.text.floor_char_boundary(self.text.len().saturating_sub(bytes));
        self.text.get(start..).unwrap_or_default()
    }

    /// Whether a field asks for a recovery phrase that is called `called` and stands behind this text.
    pub(super) fn ask_phrase(&self, called: &str) -> bool {
        let called = squeezed(called);
        if OTHER_FIELDS.iter().any(|word| called.contains(word)) {
            return false;
        }
        if names_phrase(&called) {
            return true;
        }
        let telling = self.tail(TELLING_BYTES);
        if !names_phrase(&squeezed(telling)) || has_any(telling, &WARNINGS) {
            return false;
        }
        has_any(telling, &TELLING) || names_phrase(&squeezed(self.tail(LABEL_BYTES)))
    }

    /// Whether so many fields for single words are those of a recovery phrase.
    pub(super) fn name_phrase(&self, word_fields: usize) -> bool {
        let opens_wallet = || {
            self.text.contains(" wallet")
                && has_any(&self.text, &[" import", " recover", " restore"])
        };
        let is_meant = || names_phrase(&squeezed(&self.text)) || self.text.contains(" mnemonic");
        word_fields >= PHRASE_WORDS_MIN && (is_meant() || opens_wallet())
    }

    /// Whether the text tells to open a place for commands and then to paste: `Win+R`, `Ctrl+V`.
    fn tell_to_paste(&self) -> bool {
        let (mut before, mut key, mut opened) = ("", None, None);
        let is_near = |then: Option<usize>, now: usize, max: usize| {
            then.is_some_and(|then| now.saturating_sub(then) <= max)
        };
        for (at, word) in self.text.split_ascii_whitespace().enumerate() {
            match word {
                // Between the words of a script that writes the page stand tags.
                "b" | "code" | "em" | "i" | "kbd" | "span" | "strong" => continue,
                "win" | "windows" | "winkey" => key = Some(at),
                "r" | "x" if is_near(key, at, 5) => opened = Some(at),
                "powershell" | "terminal" => opened = Some(at),
                "box" | "dialog" | "window" if before == "run" => opened = Some(at),
                "v" if matches!(before, "ctrl" | "control" | "strg" | "cmd" | "command")
                    && is_near(opened, at, PASTE_WORDS_MAX) =>
                {
                    return true;
                }
                _ => {}
            }
            before = word;
        }
        false
    }
}

/// What tells to fill in a field.
const TELLING: [&str; 10] = [
    " connect",
    " enter",
    " eingeben",
    " import",
    " ingres",
    " paste",
    " restore",
    " saisi",
    " type",
    " validate",
];

/// Where articles on phrases have fields of another kind, or say what not to do.
const WARNINGS: [&str; 8] = [
    " comment",
    " never ask",
    " never enter",
    " never type",
    " newsletter",
    " not enter",
    " search",
    " subscribe",
];

/// Pretexts for pasting a command: proving to be human.
const PRETEXTS: [&str; 9] = [
    " a robot",
    " are human",
    " re human",
    " captcha",
    " cloudflare",
    " human verification",
    " recaptcha",
    " un robot",
    " verification steps",
];

fn has_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

fn names_phrase(squeezed: &str) -> bool {
    has_any(squeezed, &PHRASES)
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|sign| sign.is_alphanumeric()).flat_map(names::plain).collect()
}

/// What scripts do, as far as tricks need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Copies,
    Commands,
    Decodes,
    Packs,
    Addresses,
    Saves,
}

const DEEDS: [(&str, Deed); 27] = [
    ("clipboard.write(", Deed::Copies),
    ("clipboard.writetext", Deed::Copies),
    ("execcommand('copy'", Deed::Copies),
    ("execcommand(\"copy\"", Deed::Copies),
    ("execcommand(`copy`", Deed::Copies),
    ("powershell", Deed::Commands),
    ("mshta", Deed::Commands),
    ("cmd /c", Deed::Commands),
    ("cmd.exe", Deed::Commands),
    ("msiexec", Deed::Commands),
    ("rundll32", Deed::Commands),
    ("certutil", Deed::Commands),
    ("bitsadmin", Deed::Commands),
    ("conhost", Deed::Commands),
    ("curl -", Deed::Commands),
    ("curl http", Deed::Commands),
    ("| iex", Deed::Commands),
    ("|iex", Deed::Commands),
    ("base64 -d", Deed::Commands),
    ("osascript", Deed::Commands),
    ("atob(", Deed::Decodes),
    ("new blob", Deed::Packs),
    ("createobjecturl", Deed::Addresses),
    ("mssaveoropenblob", Deed::Addresses),
    (".click()", Deed::Saves),
    (".download", Deed::Saves),
    ("'download'", Deed::Saves),
];

#[expect(clippy::expect_used, reason = "fixed words: the tests build the same automaton")]
fn finder() -> &'static AhoCorasick {
    static FINDER: OnceLock<AhoCorasick> = OnceLock::new();
    FINDER.get_or_init(|| {
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(DEEDS.iter().map(|(sign, _)| *sign))
            .expect("a short list of words makes a small automaton")
    })
}

/// The tricks of a page's scripts.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tricks {
    pub(super) pastes_command: bool,
    pub(super) smuggles_file: bool,
}

/// Looks for tricks in the scripts of a page that says `words`; `saves` if a link of it downloads.
pub(super) fn tricks(script: &[u8], words: &Words, saves: bool) -> Tricks {
    let mut done: Vec<Deed> = Vec::new();
    for hit in finder().find_iter(script) {
        if let Some((_, deed)) = DEEDS.get(hit.pattern().as_usize())
            && !done.contains(deed)
        {
            done.push(*deed);
        }
    }
    let does = |deed: Deed| done.contains(&deed);
    let makes_file = does(Deed::Decodes) && does(Deed::Packs) && does(Deed::Addresses);
    Tricks {
        smuggles_file: makes_file && (saves || does(Deed::Saves)),
        pastes_command: does(Deed::Copies)
            && talks_into_pasting(script, words, does(Deed::Commands)),
    }
}

/// Whether a page tells to paste, itself or by a script that writes it, and what is pasted is a command
/// or the reason is a pretext. Guides with buttons that copy have neither.
fn talks_into_pasting(script: &[u8], words: &Words, commands: bool) -> bool {
    let mut written = Words::default();
    written.push(script, usize::MAX);
    let told = [words, &written];
    told.iter().any(|words| words.tell_to_paste())
        && (commands || told.iter().any(|words| has_any(&words.text, &PRETEXTS)))
}
