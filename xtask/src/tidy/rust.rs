//! Just enough of Rust's grammar to tell code from comments, literals and tests.
//!
//! Rules that look for words must not find them in a string or in the documentation. A whole
//! parser would be exact, and the heaviest dependency of the build; this is neither.

/// A source text cut in two. Both halves have the lines of the original, so numbers agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Split {
    /// The code: comments are blank, literals are empty.
    pub(super) code: String,
    /// The comments: everything else is blank.
    pub(super) comments: String,
}

/// Cuts `text` into code and comments.
pub(super) fn split(text: &str) -> Split {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Split { code: String::new(), comments: String::new() };
    let mut at = 0;
    while at < chars.len() {
        let (end, sort) = token(&chars, at);
        for &c in chars.get(at..end).unwrap_or_default() {
            let blank = if c == '\n' { '\n' } else { ' ' };
            let (code, comment) = match sort {
                Sort::Code => (c, blank),
                Sort::Comment => (blank, c),
                Sort::Literal => (blank, blank),
            };
            out.code.push(code);
            out.comments.push(comment);
        }
        at = end;
    }
    out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Code,
    Comment,
    Literal,
}

/// Where the token that begins at `at` ends, and what it is. Ends are always after `at`.
fn token(chars: &[char], at: usize) -> (usize, Sort) {
    let peek = |ahead: usize| chars.get(at + ahead).copied().unwrap_or('\0');
    match peek(0) {
        '/' if peek(1) == '/' => (find(chars, at, |c| c == '\n'), Sort::Comment),
        '/' if peek(1) == '*' => (block_comment_end(chars, at), Sort::Comment),
        '"' => (string_end(chars, at + 1), Sort::Literal),
        '\'' if peek(1) == '\\' || peek(2) == '\'' => {
            let close = find(chars, at + 1 + usize::from(peek(1) == '\\') * 2, |c| c == '\'');
            ((close + 1).min(chars.len()), Sort::Literal)
        }
        c if is_word(c) => {
            let end = find(chars, at, |c| !is_word(c));
            match raw_string_end(chars, at, end) {
                Some(end) => (end, Sort::Literal),
                None => (end, Sort::Code),
            }
        }
        _ => (at + 1, Sort::Code),
    }
}

fn find(chars: &[char], from: usize, wanted: impl Fn(char) -> bool) -> usize {
    let rest = chars.get(from..).unwrap_or_default();
    rest.iter().position(|&c| wanted(c)).map_or(chars.len(), |offset| from + offset)
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0_usize, start);
    while at < chars.len() {
        match (chars.get(at), chars.get(at + 1)) {
            (Some('/'), Some('*')) => {
                depth += 1;
                at += 2;
            }
            (Some('*'), Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

fn string_end(chars: &[char], inside: usize) -> usize {
    let mut at = inside;
    while at < chars.len() {
        match chars.get(at) {
            Some('\\') => at += 2,
            Some('"') => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// The end of `r"…"`, `br#"…"#` and their like, if the word before `hashes` starts one.
fn raw_string_end(chars: &[char], word: usize, hashes: usize) -> Option<usize> {
    let prefix: String = chars.get(word..hashes)?.iter().collect();
    let quote = find(chars, hashes, |c| c != '#');
    if !matches!(prefix.as_str(), "r" | "br" | "cr") || chars.get(quote) != Some(&'"') {
        return None;
    }
    let closing: Vec<char> =
        std::iter::once('"').chain(std::iter::repeat_n('#', quote - hashes)).collect();
    let rest = chars.get(quote + 1..)?;
    let offset = rest.windows(closing.len()).position(|window| window == closing);
    Some(offset.map_or(chars.len(), |offset| quote + 1 + offset + closing.len()))
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Blanks every item behind `#[cfg(test)]` in a code half.
pub(super) fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::new();
    let mut rest = code;
    while let Some((before, after)) = rest.split_once(MARK) {
        out.push_str(before);
        let end = item_end(after);
        let (item, behind) = after.split_at(end);
        out.extend(item.chars().filter(|&c| c == '\n'));
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// The byte behind the item at the front of `code`: its `;`, or the brace that closes its body.
fn item_end(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The lines of `code`, numbered from 1, on which `word` stands as a path of its own.
pub(super) fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let numbered = code.lines().enumerate();
    numbered.filter(|(_, line)| has_word(line, word)).map(|(at, _)| at + 1).collect()
}

/// Whether `word` stands in `line` with no word character beside it.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Every path that the `use` declarations of `code` name, each with the line of its declaration:
/// `use std::{fs, io::Read};` names `std::fs` and `std::io::Read`.
pub(super) fn used_paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, word) in code.match_indices("use ") {
        let before = code.get(..at).unwrap_or_default();
        let tree = code.get(at + word.len()..).and_then(|rest| rest.split(';').next());
        let (true, Some(tree)) = (ends_item(before), tree) else { continue };
        let line = before.matches('\n').count() + 1;
        let mut paths = Vec::new();
        expand("", tree, &mut paths);
        found.extend(paths.into_iter().map(|path| (line, path)));
    }
    found
}

/// Whether a declaration may begin behind `code`, perhaps after its `pub` or `pub(crate)`.
fn ends_item(code: &str) -> bool {
    let code = code.trim_end();
    code.is_empty() || code.ends_with([';', '{', '}', ']', ')']) || code.ends_with("pub")
}

fn expand(prefix: &str, tree: &str, out: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or_default().trim();
        out.push(format!("{prefix}{name}"));
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let mut depth = 0_usize;
    let parts = group.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    for part in parts.filter(|part| !part.trim().is_empty()) {
        expand(&prefix, part, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_not_code() {
        let text = "let a = \"// no \\\" comment\"; // yes\n/* one /* two */ */ b('\\'', 'x');";
        let split = split(text);
        assert_eq!(split.code.lines().count(), text.lines().count());
        assert!(split.code.contains("let a =") && split.code.contains("b("));
        assert!(!split.code.contains("comment") && !split.code.contains("two"));
        assert_eq!(split.comments.lines().next().map(str::trim), Some("// yes"));
        assert!(split.comments.contains("/* one /* two */ */"));
    }

    #[test]
    fn lifetimes_and_raw_strings_are_told_apart() {
        let code =
            split("fn f<'a>(x: &'a str) { g(r#\"a \" b // c\"#, br\"x\", 'y') } // end").code;
        assert!(code.contains("fn f<'a>(x: &'a str)"), "{code}");
        assert!(!code.contains('c') && !code.contains('y') && !code.contains("end"), "{code}");
    }

    #[test]
    fn tests_are_left_out_and_lines_kept() {
        let code = "a();\n#[cfg(test)]\nmod tests {\n  b();\n}\n#[cfg(test)]\nuse c;\nd();\n";
        let left = without_tests(code);
        assert!(left.contains("a();") && left.contains("d();"), "{left}");
        assert!(!left.contains("b()") && !left.contains('c'), "{left}");
        assert_eq!(lines_with(&left, "d"), [8]);
    }

    #[test]
    fn use_declarations_are_expanded() {
        let code =
            "use a::b;\npub(crate) use std::{\n  fs, io::{self, Read as _},\n};\nfn use_it() {}\n";
        let paths = used_paths(code);
        let expected = [(1, "a::b"), (2, "std::fs"), (2, "std::io::self"), (2, "std::io::Read")];
        assert_eq!(paths, expected.map(|(line, path)| (line, path.to_owned())));
    }

    #[test]
    fn words_have_borders() {
        assert!(has_word("x = std::fs::read()", "std::fs"));
        assert!(!has_word("x = std::fsx()", "std::fs"));
        assert!(!has_word("astd::fs", "std::fs"));
    }
}
