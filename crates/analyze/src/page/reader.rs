//! Reading a page once, and keeping what judging needs.

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};
use rustc_hash::FxHashMap;

use super::PageLimits;
use super::names;
use super::script;
use super::tricks::{self, Words};

/// A form and what it asks for.
#[derive(Debug, Default, Clone)]
pub(super) struct Form {
    pub(super) action: String,
    /// Where its buttons send it instead.
    pub(super) other_actions: Vec<String>,
    pub(super) passwords: usize,
    pub(super) hidden: usize,
    pub(super) asks_card: bool,
}

/// What is kept of a page.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) title: String,
    pub(super) headings: String,
    pub(super) image_texts: String,
    pub(super) forms: Vec<Form>,
    /// Password fields outside of forms.
    pub(super) passwords: usize,
    /// Addresses of images, styles and icons.
    pub(super) resources: Vec<String>,
    pub(super) links: usize,
    /// Links that lead nowhere: `#`, nothing, `javascript:`.
    pub(super) dead_links: usize,
    /// Addresses in comments that tools which save pages leave behind.
    pub(super) saved_from: Vec<String>,
    pub(super) kit_marks: Vec<&'static str>,
    pub(super) obfuscation: Option<&'static str>,
    pub(super) blocks_menu: bool,
    pub(super) refresh: Option<String>,
    /// What its addresses are relative to, if it says so.
    pub(super) base: Option<String>,
    pub(super) has_data_frame: bool,
    /// Fields ask for the recovery phrase of a wallet.
    pub(super) asks_phrase: bool,
    /// Visitors are to paste and run what a script has copied.
    pub(super) pastes_command: bool,
    /// A script puts together a file and saves it.
    pub(super) smuggles_file: bool,
}

/// Elements that something is kept of.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Element {
    #[default]
    Other,
    Title,
    Heading,
    Form,
    Base,
    Button,
    Input,
    TextArea,
    Image,
    Link,
    Anchor,
    Script,
    Style,
    Meta,
    Frame,
    Body,
}

impl Element {
    fn of(name: &[u8]) -> Self {
        match name {
            b"title" => Self::Title,
            b"h1" | b"h2" | b"h3" => Self::Heading,
            b"form" => Self::Form,
            b"base" => Self::Base,
            b"button" => Self::Button,
            b"input" => Self::Input,
            b"textarea" => Self::TextArea,
            b"img" => Self::Image,
            b"link" => Self::Link,
            b"a" => Self::Anchor,
            b"script" => Self::Script,
            b"style" => Self::Style,
            b"meta" => Self::Meta,
            b"iframe" | b"embed" | b"object" => Self::Frame,
            b"body" | b"html" => Self::Body,
            _ => Self::Other,
        }
    }
}

/// The attributes that count, of the tag being read.
#[derive(Debug, Default)]
struct Attributes {
    /// Where the element leads to or takes something from: each kind of element has one attribute
    /// for it. `None` without it.
    address: Option<Vec<u8>>,
    kind: Vec<u8>,
    name: Vec<u8>,
    text: Vec<u8>,
    id: Vec<u8>,
    /// The form that a field outside of it belongs to.
    form: Vec<u8>,
    menu: bool,
    /// Which names of [`NAMES`] were there already, one bit each.
    seen: u32,
}

impl Attributes {
    fn address(&self) -> &[u8] {
        self.address.as_deref().unwrap_or_default()
    }
}

/// Which attribute is being read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Attribute {
    #[default]
    Other,
    Address,
    Kind,
    Name,
    Text,
    Id,
    Form,
    /// A script that runs when something happens.
    Handler,
}

/// The attributes that count, and what they are kept as.
const NAMES: [(&[u8], Attribute); 16] = [
    (b"action", Attribute::Address),
    (b"formaction", Attribute::Address),
    (b"href", Attribute::Address),
    (b"src", Attribute::Address),
    (b"data", Attribute::Address),
    (b"content", Attribute::Text),
    (b"alt", Attribute::Text),
    (b"placeholder", Attribute::Text),
    (b"aria-label", Attribute::Text),
    (b"type", Attribute::Kind),
    (b"http-equiv", Attribute::Kind),
    (b"rel", Attribute::Kind),
    (b"autocomplete", Attribute::Kind),
    (b"name", Attribute::Name),
    (b"id", Attribute::Id),
    (b"form", Attribute::Form),
];

/// Whether browsers take an element's address from this attribute.
fn is_address_of(element: Element, name: &[u8]) -> bool {
    match element {
        Element::Form => name == b"action",
        Element::Button | Element::Input => name == b"formaction",
        Element::Base | Element::Anchor | Element::Link => name == b"href",
        Element::Image | Element::Script => name == b"src",
        Element::Frame => name == b"src" || name == b"data",
        _ => false,
    }
}

/// Elements that stand within a line.
const IN_LINE: [&[u8]; 20] = [
    b"a", b"abbr", b"b", b"bdi", b"bdo", b"big", b"code", b"del", b"em", b"font", b"i", b"ins",
    b"mark", b"s", b"small", b"span", b"strong", b"tt", b"u", b"wbr",
];

/// Kinds of fields in which no phrase is typed.
const NO_TEXT: [&str; 10] =
    ["button", "checkbox", "date", "email", "file", "hidden", "image", "radio", "search", "submit"];

/// How much is kept of a file that stands in a script, packed as letters.
const PACKED_BYTES_MAX: usize = 2048;

/// The longest attribute that is kept.
const ATTRIBUTE_BYTES_MAX: usize = 2048;

#[derive(Debug)]
struct Reader {
    limits: PageLimits,
    contents: Contents,
    /// Whose text is being read.
    inside: Element,
    open: Element,
    attribute: Attribute,
    attributes: Attributes,
    form_is_open: bool,
    /// Buttons with addresses of their own.
    buttons: usize,
    /// What fields outside of forms name them by.
    form_ids: FxHashMap<Vec<u8>, usize>,
    script: Vec<u8>,
    words: Words,
    /// Fields that a phrase may be asked for in, as far as they were looked at.
    fields: usize,
    /// Those for single words.
    word_fields: usize,
    /// Some link downloads what it leads to.
    saves: bool,
}

/// Reads a page.
pub(super) fn read(html: &[u8], limits: &PageLimits) -> Contents {
    let mut reader = Reader {
        limits: *limits,
        contents: Contents::default(),
        inside: Element::Other,
        open: Element::Other,
        attribute: Attribute::Other,
        attributes: Attributes::default(),
        form_is_open: false,
        buttons: 0,
        form_ids: FxHashMap::default(),
        script: Vec::new(),
        words: Words::default(),
        fields: 0,
        word_fields: 0,
        saves: false,
    };
    let callback = |event: CallbackEvent<'_>, _: Span<()>| -> Option<std::convert::Infallible> {
        reader.event(event);
        None
    };
    let mut emitter = CallbackEmitter::new(callback);
    emitter.naively_switch_states(true);
    // Reading bytes cannot fail, and nothing is emitted: this runs to the end of the page.
    let Ok(()) = Tokenizer::new_with_emitter(html, emitter).finish();
    reader.judged()
}

impl Reader {
    /// What was kept, with what the whole of scripts and text says.
    fn judged(self) -> Contents {
        let marks = script::marks(&self.script);
        let tricks = tricks::tricks(&self.script, &self.words, self.saves);
        let mut contents = self.contents;
        contents.kit_marks = marks.kits;
        contents.obfuscation = marks.hiding;
        contents.blocks_menu |= marks.blocks_menu;
        contents.asks_phrase |= self.words.name_phrase(self.word_fields);
        contents.pastes_command = tricks.pastes_command;
        contents.smuggles_file = tricks.smuggles_file;
        contents
    }

    fn event(&mut self, event: CallbackEvent<'_>) {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.open = Element::of(name);
                self.attributes = Attributes::default();
                self.words.end();
                self.meet(name);
            }
            CallbackEvent::AttributeName { name } => self.attribute_name(name),
            CallbackEvent::AttributeValue { value } => self.attribute_value(value),
            CallbackEvent::CloseStartTag { .. } => self.tag(),
            CallbackEvent::EndTag { name } => {
                self.words.end();
                self.meet(name);
                self.end(Element::of(name));
            }
            CallbackEvent::String { value } => self.string(value),
            CallbackEvent::Comment { value } => self.comment(value),
            _ => {}
        }
    }

    /// Of several attributes of one name, the first counts.
    fn attribute_name(&mut self, name: &[u8]) {
        self.attributes.menu |= name == b"oncontextmenu";
        self.saves |= name == b"download";
        let is_handler = name.starts_with(b"on");
        self.attribute = if is_handler { Attribute::Handler } else { Attribute::Other };
        let known = NAMES.iter().zip(0_u32..).find(|((known, _), _)| *known == name);
        let Some(((_, attribute), bit)) = known else { return };
        let bit = 1_u32 << bit;
        let is_address = *attribute == Attribute::Address;
        if self.attributes.seen & bit != 0 || (is_address && !is_address_of(self.open, name)) {
            return;
        }
        self.attributes.seen |= bit;
        self.attribute = *attribute;
        if is_address {
            self.attributes.address.get_or_insert_default();
        }
    }

    fn attribute_value(&mut self, value: &[u8]) {
        // Blanks before an address do not push it out of what is kept.
        let value = value.trim_ascii_start();
        let value = value.get(..ATTRIBUTE_BYTES_MAX).unwrap_or(value);
        let kept = match self.attribute {
            Attribute::Other => return,
            Attribute::Handler => return self.note_script(value),
            Attribute::Address => self.attributes.address.get_or_insert_default(),
            Attribute::Kind => &mut self.attributes.kind,
            Attribute::Name => &mut self.attributes.name,
            Attribute::Text => &mut self.attributes.text,
            Attribute::Id => &mut self.attributes.id,
            Attribute::Form => &mut self.attributes.form,
        };
        if kept.len() < ATTRIBUTE_BYTES_MAX {
            kept.push(b' ');
            kept.extend(value.iter().map(u8::to_ascii_lowercase));
        }
    }

    fn tag(&mut self) {
        let attributes = std::mem::take(&mut self.attributes);
        let address = || String::from_utf8_lossy(attributes.address().trim_ascii()).into_owned();
        let is = |text: &[u8]| attributes.kind.windows(text.len()).any(|part| part == text);
        let max = self.limits.elements_max;
        self.contents.blocks_menu |= attributes.menu;
        match self.open {
            Element::Title | Element::Heading | Element::Script | Element::Style => {
                self.inside = self.open;
                self.note_script(attributes.address());
            }
            Element::Form if self.contents.forms.len() < max => {
                self.form_is_open = true;
                self.note_script(attributes.address());
                self.note_script(&attributes.name);
                self.note_script(&attributes.id);
                let number = self.contents.forms.len();
                self.form_ids.entry(attributes.id.clone()).or_insert(number);
                self.contents.forms.push(Form { action: address(), ..Form::default() });
            }
            Element::Base if self.contents.base.is_none() && attributes.address.is_some() => {
                self.contents.base = Some(address());
            }
            Element::Button => self.button(&attributes, address()),
            Element::Input => {
                let is_button = is(b"submit");
                self.input(&attributes);
                self.note_field(&attributes, false);
                if is_button {
                    self.button(&attributes, address());
                }
            }
            Element::TextArea => self.note_field(&attributes, true),
            Element::Image | Element::Link => {
                let text = String::from_utf8_lossy(&attributes.text);
                keep(&mut self.contents.image_texts, &text, self.limits.text_bytes_max);
                if self.contents.resources.len() < max && attributes.address().len() > 8 {
                    self.contents.resources.push(address());
                }
            }
            Element::Anchor => self.anchor(attributes.address().trim_ascii()),
            Element::Meta if is(b"refresh") => {
                let text = String::from_utf8_lossy(&attributes.text);
                let to = text.split_once("url=").map(|(_, to)| to.trim_matches(['\'', '"', ' ']));
                self.contents.refresh = to.map(str::to_owned);
            }
            Element::Frame => {
                let address = attributes.address().trim_ascii();
                self.contents.has_data_frame |= address.starts_with(b"data:text/html");
            }
            _ => {}
        }
    }

    fn input(&mut self, attributes: &Attributes) {
        let has = |text: &[u8], what: &[u8]| text.windows(what.len()).any(|part| part == what);
        let is_password = has(&attributes.kind, b"password");
        let card =
            [&b"cardnum"[..], b"card-num", b"card_num", b"ccnum", b"cvv", b"cc-number", b"cvc"];
        let fields = [&attributes.name, &attributes.id, &attributes.kind, &attributes.text];
        let is_card = card.iter().any(|word| fields.iter().any(|field| has(field, word)));
        if let Some(form) = self.form_of(attributes) {
            form.passwords = form.passwords.saturating_add(usize::from(is_password));
            form.hidden = form.hidden.saturating_add(usize::from(has(&attributes.kind, b"hidden")));
            form.asks_card |= is_card;
        } else {
            let passwords = self.contents.passwords;
            self.contents.passwords = passwords.saturating_add(usize::from(is_password));
        }
    }

    /// Looks whether a field that takes text asks for the recovery phrase of a wallet.
    fn note_field(&mut self, attributes: &Attributes, is_long: bool) {
        let kind = String::from_utf8_lossy(&attributes.kind);
        let takes_text = is_long || !NO_TEXT.iter().any(|other| kind.contains(other));
        if !takes_text || self.fields >= self.limits.elements_max {
            return;
        }
        self.fields = self.fields.saturating_add(1);
        let called = [&attributes.name[..], &attributes.id, &attributes.text].concat();
        let is_word = called.is_empty() || called.iter().any(u8::is_ascii_digit);
        self.word_fields = self.word_fields.saturating_add(usize::from(is_word && !is_long));
        let asks = &mut self.contents.asks_phrase;
        *asks = *asks || self.words.ask_phrase(&String::from_utf8_lossy(&called));
    }

    /// A button may send its form somewhere else than the form says. A picture has no such address.
    fn button(&mut self, attributes: &Attributes, to: String) {
        if to.is_empty() || self.buttons >= self.limits.elements_max {
            return;
        }
        self.buttons = self.buttons.saturating_add(1);
        if let Some(form) = self.form_of(attributes) {
            form.other_actions.push(to);
        }
    }

    /// The form that a field belongs to: the one it names, or else the one that is open. Forms that
    /// come behind their fields are not found.
    fn form_of(&mut self, attributes: &Attributes) -> Option<&mut Form> {
        if attributes.form.is_empty() {
            return self.contents.forms.last_mut().filter(|_| self.form_is_open);
        }
        self.contents.forms.get_mut(*self.form_ids.get(&attributes.form)?)
    }

    fn anchor(&mut self, address: &[u8]) {
        let is_dead = address.is_empty() || address == b"#" || address.starts_with(b"javascript:");
        self.contents.links = self.contents.links.saturating_add(1);
        self.contents.dead_links = self.contents.dead_links.saturating_add(usize::from(is_dead));
    }

    fn end(&mut self, element: Element) {
        if element == self.inside {
            self.inside = Element::Other;
        }
        if element == Element::Form {
            self.form_is_open = false;
        }
    }

    /// Notes that texts of a title or a heading meet at a tag. Within a line they may be one word.
    fn meet(&mut self, name: &[u8]) {
        let gap = if IN_LINE.contains(&name) { names::SEAM } else { ' ' };
        for kept in [&mut self.contents.title, &mut self.contents.headings] {
            if !kept.is_empty() && !kept.ends_with([' ', gap]) {
                kept.push(gap);
            }
        }
    }

    fn string(&mut self, value: &[u8]) {
        let max = self.limits.text_bytes_max;
        match self.inside {
            Element::Title => append(&mut self.contents.title, value, max),
            Element::Heading => {
                self.words.push(value, self.limits.bytes_max);
                append(&mut self.contents.headings, value, max);
            }
            Element::Script => self.note_script(value),
            Element::Style => {}
            _ => self.words.push(value, self.limits.bytes_max),
        }
    }

    /// Keeps a text in which signs are looked for. Of what is packed as letters the beginning will do.
    fn note_script(&mut self, value: &[u8]) {
        let is_packed = |b: &u8| b.is_ascii_alphanumeric() || b"+/=".contains(b);
        for run in value.split_inclusive(|b| !is_packed(b)) {
            let room = self.limits.script_bytes_max.saturating_sub(self.script.len());
            let kept = run.get(..PACKED_BYTES_MAX).unwrap_or(run);
            self.script.extend(kept.iter().take(room));
            if room == 0 {
                return;
            }
        }
        if !value.is_empty() {
            self.script.push(b'\n');
        }
    }

    fn comment(&mut self, value: &[u8]) {
        let value = value.get(..ATTRIBUTE_BYTES_MAX).unwrap_or(value);
        let text = String::from_utf8_lossy(value);
        let marks = ["saved from url=(", "Mirrored from "];
        for mark in marks {
            let Some((_, from)) = text.split_once(mark) else { continue };
            // Internet Explorer writes the length of the address before it: `(0022)`.
            let from = from.split_once(')').map_or(from, |(_, from)| from);
            let from = from.split_whitespace().next().unwrap_or_default();
            if self.contents.saved_from.len() < self.limits.elements_max && !from.is_empty() {
                self.contents.saved_from.push(from.to_owned());
            }
        }
        self.note_script(value);
    }
}

/// Adds `text` to `kept` while that is shorter than `max`, as it goes on.
fn append(kept: &mut String, text: &[u8], max: usize) {
    let room = max.saturating_sub(kept.len());
    kept.extend(String::from_utf8_lossy(text).chars().take(room));
}

/// Adds `text` to `kept` while that is shorter than `max`, apart from what is there.
fn keep(kept: &mut String, text: &str, max: usize) {
    if kept.len() < max && !text.trim().is_empty() {
        kept.extend(text.chars().take(max.saturating_sub(kept.len())));
        kept.push(' ');
    }
}
