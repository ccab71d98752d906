//! Row "URL question": all expressions of a URL, hashing included, on a warm database of a million.
//!
//! `lookup_url [ENTRIES [ROUNDS]]`

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use wardnet_bench::database::{build, key, open, random};
use wardnet_bench::row;
use wardnet_bench::timing::{median, time};
use wardnet_model::{Indicator, Kind, SuffixList, Timestamp, Url, question_expressions};
use wardnet_verdictdb::{Question, View};

const NOW: Timestamp = Timestamp(1);
const QUESTIONS: usize = 100_000;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with a count.
struct Counting;

#[expect(unsafe_code, reason = "an allocator has no safe form; every call is passed on")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(9), |text| text.parse())?;
    row::machine();
    let suffixes = SuffixList::shipped();
    let urls: Vec<Indicator> = (0..QUESTIONS as u64).map(url).collect::<anyhow::Result<_>>()?;
    let expressions: usize = urls.iter().map(|url| expressions(url, suffixes)).sum();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("urls.wvdb");
    // Every tenth question is about a listed URL.
    let listed = urls.iter().step_by(10).map(Indicator::key);
    build(&path, Kind::Url, listed.chain((0..count).map(key)))?;
    let view = View::of(open(&path)?);
    let mut figures = Vec::new();
    let mut allocations = 0;
    for _ in 0..rounds {
        let before = ALLOCATIONS.with(Cell::get);
        let (took, matches) = time(|| ask(&view, &urls, suffixes));
        allocations = ALLOCATIONS.with(Cell::get) - before;
        let expected = QUESTIONS.div_ceil(10);
        anyhow::ensure!(matches? == expected, "every listed URL is found");
        figures.push(took.as_secs_f64() * 1e9);
    }
    let took = median(figures);
    row::head(&[
        "ns per expression",
        "ns per URL",
        "expressions per URL",
        "allocations",
        "entries",
        "hit share",
    ]);
    row::row(&[
        format!("{:.0}", took / expressions as f64),
        format!("{:.0}", took / QUESTIONS as f64),
        format!("{:.1}", expressions as f64 / QUESTIONS as f64),
        allocations.to_string(),
        row::thousands(count as f64),
        "10 %".to_owned(),
    ]);
    Ok(())
}

/// A URL as they are: two labels before the domain, three directories, a query.
fn url(number: u64) -> anyhow::Result<Indicator> {
    let [a, b, c] =
        [1, 2, 3].map(|salt| random(number.wrapping_mul(4).wrapping_add(salt)) % 100_000);
    let text = format!("https://www.shop{a}.example{b}.com/path{c}/to/page{a}.html?id={b}");
    Ok(Indicator::Url(Url::parse(&text)?))
}

/// Keys that a question about a URL looks up: its expressions, and the names of its host.
fn expressions(indicator: &Indicator, suffixes: &SuffixList) -> usize {
    let Indicator::Url(url) = indicator else { return 0 };
    let mut levels = 1;
    let mut count = 0;
    for expression in question_expressions(url, suffixes) {
        levels = levels.max(usize::from(expression.host_level) + 1);
        count += 1;
    }
    count + levels
}

fn ask(view: &View, urls: &[Indicator], suffixes: &SuffixList) -> anyhow::Result<usize> {
    let mut matches = 0;
    for indicator in urls {
        let answer = view.ask(&Question::about(indicator), suffixes, NOW)?;
        matches += black_box(&answer).matches.len();
    }
    Ok(matches)
}
