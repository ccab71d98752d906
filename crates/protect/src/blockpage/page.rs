//! The page as HTML.

use std::fmt::{self, Display, Write as _};

use serde_json::Value;

use super::{BlockPageConfig, REPORT};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1.05rem/1.55 system-ui,sans-serif;max-width:42rem;margin:12vh auto 2rem;padding:0 1.25rem}\
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .5rem}\
.what{font:600 1.05rem ui-monospace,monospace;overflow-wrap:anywhere;padding:.7rem .9rem;\
border-left:.35rem solid #c62828;background:rgba(198,40,40,.09);margin:1.2rem 0}\
ul{padding-left:1.2rem}\
textarea{width:100%;box-sizing:border-box;font:inherit;padding:.5rem;min-height:4.5rem}\
button{font:inherit;font-weight:600;padding:.5rem 1.1rem;margin-top:.6rem}\
details{margin-top:1.8rem}summary{cursor:pointer}\
footer{margin-top:2.5rem;font-size:.9rem;opacity:.75}";

/// What a page says.
pub(super) struct Page<'p> {
    pub(super) config: &'p BlockPageConfig,
    /// What was asked for, where that can be told.
    pub(super) subject: Option<&'p str>,
    /// The answer of `/v1/lookup`, where there is one.
    pub(super) known: Option<&'p Value>,
}

/// Whether an answer speaks against something.
pub(super) fn is_bad(known: &Value) -> bool {
    let band = known.get("band").and_then(Value::as_str);
    let opinion = known.pointer("/opinion/label").and_then(Value::as_str);
    matches!(band, Some("malicious" | "suspicious")) || opinion == Some("malicious")
}

impl Page<'_> {
    pub(super) fn write(&self) -> String {
        let mut body = String::with_capacity(4096);
        if let Some(subject) = self.subject {
            write(&mut body, format_args!("<p class=what>{}</p>", Text(subject)));
        }
        self.reasons(&mut body);
        if self.config.reports
            && let Some(subject) = self.subject.filter(|_| self.known.is_some_and(is_bad))
        {
            form(subject, &mut body);
        }
        whole(self.config, &body)
    }

    /// A page that says one thing.
    pub(super) fn note(config: &BlockPageConfig, text: &str) -> String {
        whole(config, &format!("<p>{}</p>", Text(text)))
    }

    fn reasons(&self, body: &mut String) {
        let Some(known) = self.known.filter(|known| is_bad(known)) else {
            // It may have been let go a moment ago, or blocked by somebody else's rule.
            body.push_str("<p>It is not listed here now. Try again in a minute.</p>");
            return;
        };
        body.push_str("<p>It was blocked to protect you and this network:</p><ul>");
        let is_unrated = known.get("band").and_then(Value::as_str) == Some("unrated");
        let told = match known.pointer("/opinion/reasons").filter(|_| is_unrated) {
            Some(reasons) => {
                body.push_str("<li>it looks dangerous, though nobody has listed it yet</li>");
                reasons
            }
            None => known.get("reasons").unwrap_or(&Value::Null),
        };
        for reason in told.as_array().into_iter().flatten().filter_map(Value::as_str) {
            write(body, format_args!("<li>{}</li>", Text(reason)));
        }
        body.push_str("</ul>");
    }
}

fn form(subject: &str, body: &mut String) {
    write(
        body,
        format_args!(
            "<details><summary>Is that wrong?</summary><form method=post action=\"{REPORT}\">\
             <input type=hidden name=about value=\"{}\">\
             <p><label for=note>What makes you sure that it is harmless?</label></p>\
             <textarea id=note name=note maxlength=500></textarea>\
             <button type=submit>Report a mistake</button></form></details>",
            Text(subject)
        ),
    );
}

fn whole(config: &BlockPageConfig, body: &str) -> String {
    let title = Text(&config.title);
    let mut page = String::with_capacity(body.len() + 2048);
    write(
        &mut page,
        format_args!(
            "<!doctype html><html lang=en><head><meta charset=utf-8>\
             <meta name=viewport content=\"width=device-width,initial-scale=1\">\
             <meta name=robots content=noindex><title>{title}</title><style>{STYLE}</style></head>\
             <body><main><h1>{title}</h1>{body}</main><footer>"
        ),
    );
    if let Some(contact) = &config.contact {
        write(&mut page, format_args!("<p>{}</p>", Text(contact)));
    }
    page.push_str("<p>Wardnet</p></footer></body></html>");
    page
}

fn write(to: &mut String, text: fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    to.write_fmt(text).unwrap_or_default();
}

/// A text within HTML, also within an attribute in quotes.
struct Text<'t>(&'t str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}
