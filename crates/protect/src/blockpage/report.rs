//! What people report: bounded, without who they are, and on disk before it is thanked for.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use wardnet_model::Indicator;
use wardnet_server::budget::Meter;
use wardnet_server::{AddressMeters, Rate, monotonic_nanos};

/// Characters of a note that are kept.
const NOTE_CHARS_MAX: usize = 500;

/// Meters for clients, 8 bytes each.
const METERS: usize = 1 << 12;

/// One point a second for each client; a report costs twenty: three at once, then three a minute.
const EACH: Rate = Rate { per_second: 1, burst: 60 };
const COST: u32 = 20;

/// All clients together: two hundred at once, then five a second.
const ALL: Rate = Rate { per_second: 100, burst: 4_000 };

/// Somebody says that something is listed wrongly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// What.
    pub indicator: Indicator,
    /// Why, in the words of who reports it; may be empty.
    pub note: String,
    /// Equal for reports of one client within one run; who that is cannot be told from it.
    pub client: u64,
}

type Filed = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Takes a report in. True once it is on disk.
#[derive(Clone)]
pub struct File(Arc<dyn Fn(Dispute) -> Filed + Send + Sync>);

impl File {
    /// Files with `file`.
    pub fn new<F>(file: impl Fn(Dispute) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        Self(Arc::new(move |dispute| Box::pin(file(dispute))))
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").finish_non_exhaustive()
    }
}

/// Why a report was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too much came at once, from the client or from all.
    TooMany,
    /// It could not be written down.
    NotWritten,
}

/// Where reports are taken.
#[derive(Debug)]
pub(super) struct Desk {
    file: File,
    each: AddressMeters,
    all: Meter,
    secret: RandomState,
}

impl Desk {
    pub(super) fn new(file: File) -> Self {
        let (each, all) = (AddressMeters::new(METERS), Meter::default());
        Self { file, each, all, secret: RandomState::new() }
    }

    pub(super) async fn take(
        &self,
        from: IpAddr,
        indicator: Indicator,
        note: String,
    ) -> Result<(), Refused> {
        let now = monotonic_nanos();
        let affords =
            self.each.take(from, EACH, COST, now).is_ok() && self.all.take(ALL, COST, now).is_ok();
        if !affords {
            return Err(Refused::TooMany);
        }
        let client = self.secret.hash_one(from.to_canonical());
        let filed = (self.file.0)(Dispute { indicator, note, client }).await;
        filed.then_some(()).ok_or(Refused::NotWritten)
    }
}

/// The form of the page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) about: String,
    pub(super) note: String,
}

/// Reads a form; what is missing is empty.
pub(super) fn read(body: &[u8]) -> Form {
    let mut form = Form::default();
    for (name, value) in form_urlencoded::parse(body) {
        match &*name {
            "about" => form.about = value.into_owned(),
            "note" => form.note = plain(&value),
            _ => {}
        }
    }
    form
}

/// One line without control characters.
fn plain(text: &str) -> String {
    let text: Cow<'_, str> = text.trim().into();
    let visible = text.chars().map(|one| if one.is_control() { ' ' } else { one });
    visible.take(NOTE_CHARS_MAX).collect()
}

/// Reads any bytes as a form.
pub fn fuzz_block_page_report(bytes: &[u8]) {
    let form = read(bytes);
    assert!(form.note.chars().count() <= NOTE_CHARS_MAX, "notes are bounded");
    assert!(!form.note.chars().any(char::is_control), "notes are one line");
    if let Some(subject) = super::about(&form.about) {
        let text = subject.to_string();
        assert_eq!(super::about(&text).map(|again| again.to_string()), Some(text));
    }
}
