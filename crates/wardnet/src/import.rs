//! From a file of feed rows to evidence: reads on one thread, writes on another.

use anyhow::{Context as _, anyhow};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{BufRead as _, Read as _, Seek as _};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use wardnet_collect::feeds::{
    self, Detection, FeedReport, Format, Pattern, ReadOptions, Rejection, Sink, detect, open_plain,
    pattern_lists, read_feed,
};
use wardnet_identify::{
    Begun, Import, ImportTerms, Packer, Parcel, PatternTerms, PatternsTaken, Writer,
};
use wardnet_model::{BatchSeen, Kind, Observation, PatternList, Timestamp};

/// Rows handed over at once: a few milliseconds of the writer's time.
const ROWS_AT_ONCE: usize = 4096;

/// Handed-over parcels that may wait for the writer.
const PARCELS_MAX: usize = 4;

/// Rejections kept for the report; all are counted.
pub(crate) const REJECTIONS_MAX: usize = 10_000;

/// How many bytes the format is guessed from.
const HEAD_BYTES: usize = 64 * 1024;

/// What to import.
#[derive(Debug, Clone)]
pub(crate) struct ImportOrder {
    /// The format; guessed when `None`.
    pub(crate) format: Option<Format>,
    /// How rows are read.
    pub(crate) options: ReadOptions,
    /// Whose evidence it becomes, and what rows do not say.
    pub(crate) terms: ImportTerms,
    /// The feed's name for itself, which helps guessing the format.
    pub(crate) file_name: String,
    /// Kinds of indicator that are taken; all when empty.
    pub(crate) kinds: Vec<Kind>,
}

/// What became of an import.
#[derive(Debug)]
pub(crate) struct ImportOutcome {
    /// The format that was read, and why; `None` when nothing had to be read.
    pub(crate) format: Option<(Format, String)>,
    /// What the reader saw; `None` when nothing had to be read.
    pub(crate) report: Option<FeedReport>,
    /// What became of the rows.
    pub(crate) seen: BatchSeen,
    /// What became of the patterns, which name no single indicator.
    pub(crate) patterns: PatternsTaken,
    /// The first rejections.
    pub(crate) rejections: Vec<Rejection>,
}

/// Imports a file. Its rows are visible when this returns, and durable.
pub(crate) fn import_file(
    writer: &Writer,
    path: &Path,
    order: ImportOrder,
    now: Timestamp,
    progress: &dyn Fn(u64),
) -> anyhow::Result<ImportOutcome> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    // It is read twice: what has not changed need not be taken in again.
    if !file.metadata().is_ok_and(|about| about.is_file()) {
        return Err(anyhow!("not a regular file: write what comes through a pipe into one first"));
    }
    let ImportOrder { format, mut options, mut terms, file_name, kinds } = order;
    terms.digest = digest(&mut file, format, &options, &terms)
        .with_context(|| format!("cannot read {}", path.display()))?;
    // The time is no part of the digest: what waits for it has the file read again.
    options.now = Some(now);
    file.rewind().with_context(|| format!("cannot read {}", path.display()))?;
    let begin = terms.clone();
    let (begun, import) = writer.run_blocking(move |engine| engine.begin_import(begin, now))?;
    let pattern_terms = PatternTerms { confidence: terms.confidence, tlp: terms.tlp };
    let import = match (begun, import) {
        (Begun::Unchanged(seen), _) => {
            let read = read_patterns(file, format, &file_name, &options)?;
            return renewed(writer, seen, read, (pattern_terms, &kinds), now);
        }
        (Begun::New, Some(import)) => import,
        (Begun::New, None) => return Err(anyhow!("the import was not begun")),
    };
    let mut input = open_plain(file, &options.limits)?;
    let (format, why) = match format {
        Some(format) => (format, "as told".to_owned()),
        None => guess(input.fill_buf()?, &file_name)?,
    };
    let (packer, kinds) = (import.packer(), &*kinds);
    let (parcels, received) = sync_channel::<Parcel>(PARCELS_MAX);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut hand_over = HandOver::new(packer, kinds, parcels);
            let report = read_feed(input, format, &options, &mut hand_over)?;
            hand_over.send();
            Ok::<_, feeds::FeedError>((report, hand_over.rejections))
        });
        let mut import: Import = import;
        let mut rows_done = 0;
        for parcel in received {
            rows_done += parcel.len() as u64;
            import = writer.run_blocking(move |engine| {
                engine.import_rows(&mut import, parcel)?;
                Ok(import)
            })?;
            progress(rows_done);
        }
        let (report, rejections) =
            reader.join().map_err(|_| anyhow!("reading the feed panicked"))??;
        let (rows, rejected) = (report.rows, report.rejected_total());
        if report.holds_back() {
            import.read_again();
        }
        let seen =
            writer.run_blocking(move |engine| engine.finish_import(import, rows, rejected))?;
        let read = report.patterns.clone();
        let patterns = set_patterns(writer, &seen, pattern_terms, read, kinds, now)?;
        let (format, report) = (Some((format, why)), Some(report));
        Ok(ImportOutcome { format, report, seen, patterns, rejections })
    })
}

/// The outcome of a file that has not changed.
fn renewed(
    writer: &Writer,
    seen: BatchSeen,
    read: Option<Vec<Pattern>>,
    (terms, kinds): (PatternTerms, &[Kind]),
    now: Timestamp,
) -> anyhow::Result<ImportOutcome> {
    let patterns = match read {
        Some(read) => set_patterns(writer, &seen, terms, read, kinds, now)?,
        None => PatternsTaken::default(),
    };
    Ok(ImportOutcome { format: None, report: None, seen, patterns, rejections: vec![] })
}

/// The patterns of a file whose rows need not be read again: it may be that the program ended
/// before they were put into force. `None` where the format has none.
fn read_patterns(
    file: File,
    format: Option<Format>,
    file_name: &str,
    options: &ReadOptions,
) -> anyhow::Result<Option<Vec<Pattern>>> {
    struct Ignore;
    impl Sink for Ignore {
        fn observation(&mut self, _: Observation) {}
        fn rejection(&mut self, _: Rejection) {}
    }
    let mut input = open_plain(file, &options.limits)?;
    let format = match format {
        Some(format) => format,
        None => guess(input.fill_buf()?, file_name)?.0,
    };
    if format != Format::MispWarninglist {
        return Ok(None);
    }
    Ok(Some(read_feed(input, format, options, &mut Ignore)?.patterns))
}

/// Puts the patterns of a batch into force, as far as they are for kinds that are taken.
fn set_patterns(
    writer: &Writer,
    seen: &BatchSeen,
    terms: PatternTerms,
    read: Vec<Pattern>,
    kinds: &[Kind],
    now: Timestamp,
) -> anyhow::Result<PatternsTaken> {
    let mut lists: Vec<PatternList> = pattern_lists(read);
    for list in &mut lists {
        list.kinds.retain(|kind| kinds.is_empty() || kinds.contains(kind));
    }
    lists.retain(|list| !list.kinds.is_empty());
    let seen = seen.clone();
    Ok(writer.run_blocking(move |engine| engine.set_patterns(&seen, terms, lists, now))?)
}

fn guess(head: &[u8], file_name: &str) -> anyhow::Result<(Format, String)> {
    let head = head.get(..head.len().min(HEAD_BYTES)).unwrap_or(head);
    let Detection { format, why, .. } = detect(head, Some(file_name));
    let format = format.with_context(|| {
        format!("the format of {file_name} is not clear ({why}); name it with --format")
    })?;
    Ok((format, why))
}

/// SHA-256 of the file and of everything that steers how it is read: the same digest means that
/// reading it again would say the same.
fn digest(
    file: &mut File,
    format: Option<Format>,
    options: &ReadOptions,
    terms: &ImportTerms,
) -> std::io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    hash.update(format!("{format:?} {options:?} {:?} {}", terms.category, terms.confidence));
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            count => hash.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// Makes rows ready where they are read and hands them over in parcels.
struct HandOver<'t> {
    packer: Packer,
    kinds: &'t [Kind],
    parcels: SyncSender<Parcel>,
    rejections: Vec<Rejection>,
}

impl<'t> HandOver<'t> {
    const fn new(packer: Packer, kinds: &'t [Kind], parcels: SyncSender<Parcel>) -> Self {
        Self { packer, kinds, parcels, rejections: Vec::new() }
    }

    fn send(&mut self) {
        // The writer is gone only after it failed, and that error is the one reported.
        if self.parcels.send(self.packer.take()).is_err() {
            tracing::debug!("the writer takes no more rows");
        }
    }
}

impl Sink for HandOver<'_> {
    fn observation(&mut self, observation: Observation) {
        let kind = observation.indicator.kind();
        if !self.kinds.is_empty() && !kind.is_some_and(|kind| self.kinds.contains(&kind)) {
            return;
        }
        self.packer.push(observation);
        if self.packer.len() >= ROWS_AT_ONCE {
            self.send();
        }
    }

    fn rejection(&mut self, rejection: Rejection) {
        if self.rejections.len() < REJECTIONS_MAX {
            self.rejections.push(rejection);
        }
    }
}
