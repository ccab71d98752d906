//! From a file of feed rows to evidence: reads on one thread, writes on another.

use anyhow::{Context as _, anyhow};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{BufRead as _, Read as _, Seek as _};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use wardnet_collect::feeds::{
    self, Detection, FeedReport, Format, ReadOptions, Rejection, Sink, detect, open_plain,
    read_feed,
};
use wardnet_identify::{Begun, Import, ImportTerms, Row, Writer};
use wardnet_model::{BatchSeen, Kind, Observation, Timestamp};

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
    let ImportOrder { format, options, mut terms, file_name, kinds } = order;
    terms.digest = digest(&mut file, format, &options, &terms)
        .with_context(|| format!("cannot read {}", path.display()))?;
    file.rewind().with_context(|| format!("cannot read {}", path.display()))?;
    let begin = terms.clone();
    let (begun, import) = writer.run_blocking(move |engine| engine.begin_import(begin, now))?;
    let import = match (begun, import) {
        (Begun::Unchanged(seen), _) => {
            return Ok(ImportOutcome { format: None, report: None, seen, rejections: vec![] });
        }
        (Begun::New, Some(import)) => import,
        (Begun::New, None) => return Err(anyhow!("the import was not begun")),
    };
    let mut input = open_plain(file, &options.limits)?;
    let (format, why) = match format {
        Some(format) => (format, "as told".to_owned()),
        None => guess(input.fill_buf()?, &file_name)?,
    };
    let (parcels, received) = sync_channel::<Vec<Row>>(PARCELS_MAX);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut hand_over = HandOver::new(&terms, &kinds, parcels);
            let report = read_feed(input, format, &options, &mut hand_over)?;
            hand_over.send();
            Ok::<_, feeds::FeedError>((report, hand_over.rejections))
        });
        let mut import: Import = import;
        let mut rows_done = 0;
        for rows in received {
            rows_done += rows.len() as u64;
            import = writer.run_blocking(move |engine| {
                engine.import_rows(&mut import, rows)?;
                Ok(import)
            })?;
            progress(rows_done);
        }
        let (report, rejections) =
            reader.join().map_err(|_| anyhow!("reading the feed panicked"))??;
        let (rows, rejected) = (report.rows, report.rejected_total());
        let seen =
            writer.run_blocking(move |engine| engine.finish_import(import, rows, rejected))?;
        Ok(ImportOutcome { format: Some((format, why)), report: Some(report), seen, rejections })
    })
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

/// Prepares rows where they are read and hands them over in parcels.
struct HandOver<'t> {
    terms: &'t ImportTerms,
    kinds: &'t [Kind],
    parcels: SyncSender<Vec<Row>>,
    rows: Vec<Row>,
    rejections: Vec<Rejection>,
}

impl<'t> HandOver<'t> {
    fn new(terms: &'t ImportTerms, kinds: &'t [Kind], parcels: SyncSender<Vec<Row>>) -> Self {
        let rows = Vec::with_capacity(ROWS_AT_ONCE);
        Self { terms, kinds, parcels, rows, rejections: Vec::new() }
    }

    fn send(&mut self) {
        let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(ROWS_AT_ONCE));
        // The writer is gone only after it failed, and that error is the one reported.
        if self.parcels.send(rows).is_err() {
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
        self.rows.push(Row::new(observation, self.terms));
        if self.rows.len() >= ROWS_AT_ONCE {
            self.send();
        }
    }

    fn rejection(&mut self, rejection: Rejection) {
        if self.rejections.len() < REJECTIONS_MAX {
            self.rejections.push(rejection);
        }
    }
}
