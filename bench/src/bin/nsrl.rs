//! Row "a big import": `wardnet ingest` of made-up rows of the NSRL into an empty folder, with the
//! memory that it takes. Each row has a SHA-1 and an MD5.
//!
//! `nsrl [MILLIONS OF HASHES]...`

use anyhow::ensure;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Stdio;
use wardnet_bench::timing::time;
use wardnet_bench::{database, process, row, server};
use wardnet_model::Key;

fn main() -> anyhow::Result<()> {
    let sizes: Vec<f64> =
        std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let sizes = if sizes.is_empty() { vec![1.0, 2.0] } else { sizes };
    row::machine();
    row::head(&[
        "hashes",
        "wall s",
        "CPU s",
        "hashes/s",
        "anonymous memory, peak MB",
        "database MB",
    ]);
    for millions in sizes {
        import((millions * 500_000.0) as u64)?;
    }
    Ok(())
}

fn import(rows: u64) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    server::configure(folder.path(), false)?;
    let (list, last) = write_list(folder.path(), rows)?;
    let cpu_before = process::children_cpu_seconds()?;
    let (wall, done) = time(|| -> anyhow::Result<u64> {
        let mut command = server::command(folder.path())?;
        let child = command.args(["ingest", "--source", "nsrl"]).arg(&list);
        let (output, most) = process::watch(child.stdout(Stdio::piped()).spawn()?)?;
        ensure!(output.status.success(), "the import failed");
        Ok(most)
    });
    let (most, cpu) = (done?, process::children_cpu_seconds()? - cpu_before);
    let told = server::output(server::command(folder.path())?.args(["lookup", &last]))?;
    ensure!(told.contains("SAFE") || told.contains("TRUSTED"), "the last row answers: {told}");
    let wall = wall.as_secs_f64();
    row::row(&[
        row::thousands(rows as f64 * 2.0),
        format!("{wall:.1}"),
        format!("{cpu:.1}"),
        row::thousands(rows as f64 * 2.0 / wall),
        format!("{:.0}", most as f64 * 1024.0 / 1e6),
        format!("{:.0}", database_bytes(folder.path())? as f64 / 1e6),
    ]);
    Ok(())
}

/// Writes the rows; gives the file and the SHA-1 of the last.
fn write_list(folder: &Path, rows: u64) -> anyhow::Result<(std::path::PathBuf, String)> {
    let path = folder.join("NSRLFile.txt");
    let mut file = BufWriter::new(File::create(&path)?);
    let columns = [
        "SHA-1",
        "MD5",
        "CRC32",
        "FileName",
        "FileSize",
        "ProductCode",
        "OpSystemCode",
        "SpecialCode",
    ];
    writeln!(file, "\"{}\"", columns.join("\",\""))?;
    let mut sha1 = String::new();
    for number in 0..rows {
        let (Key(one), Key(other)) = (database::key(2 * number), database::key(2 * number + 1));
        sha1 = upper(&one[..20]);
        let md5 = upper(&other[..16]);
        writeln!(file, r#""{sha1}","{md5}","00000000","file{number}.dll",{number},7,"362","""#)?;
    }
    file.into_inner()?;
    Ok((path, sha1))
}

fn upper(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn database_bytes(folder: &Path) -> anyhow::Result<u64> {
    let mut most = 0;
    for file in std::fs::read_dir(folder.join("data/view"))? {
        let file = file?;
        if file.path().extension().is_some_and(|extension| extension == "wvdb") {
            most = file.metadata()?.len().max(most);
        }
    }
    Ok(most)
}
