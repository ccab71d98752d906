//! Row "key lookup": a batch and a single lookup against random reads of the same memory.
//!
//! `lookup_key [ENTRIES [ROUNDS]]`

use anyhow::Context as _;
use std::fs::File;
use std::hint::black_box;
use wardnet_bench::database::{build, key, open, random};
use wardnet_bench::timing::{median, time};
use wardnet_bench::{reads, row};
use wardnet_model::{Key, Kind, Timestamp};
use wardnet_verdictdb::{View, map_file};

const NOW: Timestamp = Timestamp(1);
const PER_ROUND: usize = 1 << 20;
const BATCH: usize = 4_096;
/// What a batch lookup has under way together.
const GROUP: usize = 32;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(100_000_000), |text| text.parse())?;
    let rounds: u64 = arguments.next().map_or(Ok(15), |text| text.parse())?;
    row::machine();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("keys.wvdb");
    build(&path, Kind::Url, (0..count).map(key))?;
    let map = map_file(&File::open(&path)?)?;
    let bytes: &[u8] = map.as_ref();
    let view = View::of(open(&path)?);
    row::head(&[
        "batch / prefetched read",
        "single / dependent read",
        "entries",
        "hit share",
        "batch ns",
        "prefetched read ns",
        "single ns",
        "dependent read ns",
    ]);
    for hits in [0, 50, 100] {
        let rounds: Vec<[f64; 4]> = (0..rounds)
            .map(|round| measure(&view, bytes, count, (hits, round)))
            .collect::<anyhow::Result<_>>()?;
        let column = |at: usize| median(rounds.iter().filter_map(|round| round.get(at)).copied());
        let ratio = |a: usize, b: usize| {
            median(rounds.iter().filter_map(|round| Some(round.get(a)? / round.get(b)?)))
        };
        row::row(&[
            format!("{:.2}", ratio(0, 1)),
            format!("{:.2}", ratio(2, 3)),
            row::thousands(count as f64),
            format!("{hits} %"),
            format!("{:.1}", column(0)),
            format!("{:.1}", column(1)),
            format!("{:.0}", column(2)),
            format!("{:.0}", column(3)),
        ]);
    }
    Ok(())
}

/// Nanoseconds of a batch lookup, a prefetched read, a single lookup and a dependent read.
fn measure(
    view: &View,
    bytes: &[u8],
    count: u64,
    (hits, round): (u64, u64),
) -> anyhow::Result<[f64; 4]> {
    let salt = random(round).wrapping_mul(1 << 21);
    let at = |position: u64| random(position.wrapping_add(salt));
    let question = |position: u64| {
        let is_hit = at(position) % 100 < hits;
        let of = at(position.wrapping_add(1 << 40)) % count;
        (Kind::Url, key(if is_hit { of } else { of.wrapping_add(1 << 50) }))
    };
    let questions: Vec<(Kind, Key)> = (0..PER_ROUND as u64).map(question).collect();
    let length = u64::try_from(bytes.len())?;
    let places: Vec<u32> = (0..PER_ROUND as u64)
        .map(|position| u32::try_from(at(position.wrapping_add(1 << 41)) % (length - 1)))
        .collect::<Result<_, _>>()?;
    let mut found = 0usize;
    let (prefetched, sum) = time(|| {
        let sums = places.chunks(BATCH).map(|batch| reads::prefetched::<GROUP>(bytes, batch));
        sums.fold(0, u64::wrapping_add)
    });
    black_box(sum);
    let (batch, ()) = time(|| {
        for batch in questions.chunks(BATCH) {
            view.find_batch(None, batch, NOW, |_, hits| {
                found += usize::from(hits.is_ok_and(|hits| !hits.is_empty()));
            });
        }
    });
    let (dependent, sum) = time(|| reads::dependent(bytes, &places));
    black_box(sum);
    let mut shift = 0;
    let mut found_single = 0usize;
    let (single, done) = time(|| {
        for position in 0..questions.len() {
            // The question depends on the answer before, so that lookups cannot overlap.
            let (kind, key) = questions.get(position ^ shift).context("an even count")?;
            let is_hit = usize::from(!view.find(None, *kind, key, NOW)?.is_empty());
            found_single += is_hit;
            shift = black_box(is_hit) & 1;
        }
        anyhow::Ok(())
    });
    done?;
    let share = found * 100 / PER_ROUND;
    anyhow::ensure!(share.abs_diff(hits as usize) <= 1, "{share} % found instead of {hits} %");
    black_box(found_single);
    let each = |duration: std::time::Duration| duration.as_secs_f64() * 1e9 / PER_ROUND as f64;
    Ok([each(batch), each(prefetched), each(single), each(dependent)])
}
