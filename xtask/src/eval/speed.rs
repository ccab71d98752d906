//! How long the models that ship take.

use std::path::Path;

use anyhow::{Context as _, Result};
use wardnet_analyze::page::{PageContext, PageLimits, judge};
use wardnet_analyze::{Model, ModelLimits, Scratch, Subject};

use super::data::Row;

/// Subjects between two looks at the clock: one alone is too short to measure.
const BATCH: usize = 16;

/// Time of one subject, in microseconds: the median over small batches, which others' load hardly
/// moves, and the average of processor time.
pub(super) fn measure(model: &Model, rows: &[Row]) -> (f64, f64) {
    let mut scratch = Scratch::default();
    let subjects: Vec<&[u8]> =
        rows.iter().filter(|row| !row.is_host).map(|row| row.sample.text.as_slice()).collect();
    let mut judge = |subject: &[u8]| assert!(model.score(subject, &mut scratch).is_finite());
    subjects.iter().take(2000).for_each(|subject| judge(subject));
    let mut spent = Vec::new();
    let before = processor_nanos();
    for batch in subjects.chunks(BATCH) {
        let start = now();
        batch.iter().for_each(|subject| judge(subject));
        spent.push(start.elapsed().as_secs_f64() * 1e6 / batch.len() as f64);
    }
    let all = processor_nanos().saturating_sub(before) as f64 / 1000.0;
    spent.sort_by(f64::total_cmp);
    let median = spent.get(spent.len() / 2).copied().unwrap_or(0.0);
    (median, all / subjects.len().max(1) as f64)
}

/// Measures the model of `subject` in the folder `models`.
pub(super) fn run(root: &Path, subject: Subject, rows: &[Row]) -> Result<()> {
    let path = root.join(format!("models/{}.model", subject.name()));
    let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let model = Model::decode(&bytes, &ModelLimits::default())?;
    for _ in 0..5 {
        let (median, average) = measure(&model, rows);
        println!("{}: median {median:.2} µs, average {average:.2} µs", subject.name());
    }
    Ok(())
}

/// Long pages, each hard in its own way.
const PAGES: [(&str, &str); 7] = [
    ("forms", "<form action=//example.org/a><input type=password name=cvv>"),
    ("links", "<a href='//example.org/a'>paypal</a>"),
    ("scripts", "<script>eval(unescape('%41%42'))</script>"),
    ("escapes", "\\x41%41\\u0041"),
    ("brackets", "<"),
    ("comments", "<!-- saved from url=(0022)https://example.org/ -->"),
    ("attributes", "<x a=b c='d' e=\"f\" "),
];

/// Measures pages of five megabytes: the quickest of some tries, which others' load does not slow.
pub(super) fn pages() {
    let context = PageContext { url: Some("https://example.com/"), redirects: &[] };
    for (name, piece) in PAGES {
        let html = piece.repeat(5_000_000 / piece.len());
        let tries = (0..10).map(|_| {
            let start = now();
            assert!(judge(html.as_bytes(), &context, &PageLimits::default()).score <= 1.0);
            start.elapsed().as_secs_f64() * 1e3
        });
        let quickest = tries.fold(f64::INFINITY, f64::min);
        println!("a page of 5 MB, {name}: {quickest:.1} ms");
    }
}

/// Nanoseconds that this process has spent on processors: others' load does not count.
fn processor_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

#[expect(clippy::disallowed_methods, reason = "measures how long something takes")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
