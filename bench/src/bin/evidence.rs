//! Row "evidence": from one record sent over HTTP to the changed answer, with the journal synced.
//!
//! `evidence [RECORDS]`

use anyhow::ensure;
use wardnet_bench::timing::{percentile, time};
use wardnet_bench::{row, server};

fn main() -> anyhow::Result<()> {
    let records: usize = std::env::args().nth(1).map_or(Ok(500), |text| text.parse())?;
    row::machine();
    let folder = tempfile::tempdir()?;
    server::configure(folder.path(), false)?;
    let started = server::start(folder.path())?;
    let mut client = server::client(&started)?;
    let mut milliseconds = Vec::with_capacity(records);
    for number in 0..records {
        let name = format!("bad-{number}.wardnet-bench.com");
        let body = format!(
            r#"{{"observations":[{{"indicator":"{name}","category":"phishing","confidence":90}}]}}"#
        );
        let path = format!("/v1/lookup?indicator={name}");
        let unknown = String::from_utf8(client.get(&path)?)?;
        ensure!(unknown.contains(r#""matched":[]"#), "{name} is new");
        let (took, changed) = time(|| -> anyhow::Result<bool> {
            client.post("/v1/evidence", "application/json", body.as_bytes())?;
            for _ in 0..1_000 {
                if !String::from_utf8(client.get(&path)?)?.contains(r#""matched":[]"#) {
                    return Ok(true);
                }
            }
            Ok(false)
        });
        ensure!(changed?, "the answer about {name} changes");
        milliseconds.push(took.as_secs_f64() * 1e3);
    }
    row::head(&["p99 ms", "p50 ms", "longest ms", "records", "clients"]);
    let of = |percent| percentile(milliseconds.iter().copied(), percent);
    row::row(&[
        format!("{:.1}", of(99)),
        format!("{:.1}", of(50)),
        format!("{:.1}", of(100)),
        records.to_string(),
        "1".to_owned(),
    ]);
    Ok(())
}
