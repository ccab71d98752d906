//! Generated names among Maltrail's trails of malware.
//!
//! Maltrail (MIT) keeps a file a family with every name that was seen of it: those that its generator
//! made beside those that somebody registered for it. Where the generator's names have a shape of
//! their own, the shape tells them apart; families without one are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use anyhow::{Context as _, Result, bail};
use flate2::read::GzDecoder;
use regex::Regex;

/// Where the trails are, below the folder of data.
pub(super) const ARCHIVE: &str = "c2/maltrail_malware.tar.gz";

/// Whose names are taken: the file, the family as the labelled sets call it, and what all of a name is.
/// Where a family is left out, all of its names must be: files of other names (`mewsei` is symmi, `nivdort`
/// suppobox, `xhunt` has Bumblebee's) are of the family that they show.
const FAMILIES: &[(&str, &str, &str)] = &[
    ("android_exobot", "exobot", r"[0-9a-f]{32}\.[a-z]+"),
    ("android_flubot", "flubot", r"[a-z]{15}\.[a-z]+"),
    ("apt_infy", "infy", r"[0-9a-f]{8}\.[a-z]+"),
    ("bamital", "bamital", r"([a-z]{10}|[a-z]{15})\.info"),
    ("bazarloader", "bazarbackdoor", r"[a-z]{8}\.bazar"),
    ("ccleaner_backdoor", "ccleaner", r"ab[0-9a-f]{10,11}\.com"),
    ("chaos_ransomware", "chaos", r"[a-z]{7,10}\.(tk|ml|ga|cf|gq)"),
    ("chthonic", "chthonic", r"[a-z]{13,15}\.(com|co\.uk|org|info|net|ru|biz)"),
    ("conficker", "conficker", r"[a-z]{5,11}\.[a-z]+"),
    ("cryptbot", "cryptbot", r"[a-z]{4,6}[0-9]{2}\.top"),
    ("darkwatchman", "darkwatchman", r"[0-9a-f]{8}\.[a-z]+"),
    ("dexter", "dexter", r"[0-9a-f]{32}\.[a-z]+"),
    ("dircrypt", "dircrypt", r"[a-z]{8,20}\.com"),
    ("dorkbot", "dorkbot", r"[a-z]{7,9}\.(ru|com|org|net)"),
    ("dyreza", "dyre", r"[a-z][0-9a-f]{33}\.[a-z]+"),
    ("elf_ngioweb", "ngioweb", r"[a-z-]{8,}\.[a-z]+"),
    ("fobber", "fobber", r"([a-z]{10}\.com|[a-z]{17}\.net)"),
    ("generic_stealer", "stealc", r"[a-z]{5}[0-9a-f]{11}\.top"),
    ("kronos", "kronos", r"[a-z]{8,25}\.(biz|org|info|net|top)"),
    ("kwampirsrat", "kwampirs", r"[a-z]{6,21}\.[a-z]+"),
    (
        "locky",
        "locky",
        r"[a-z]{5,16}\.(be|biz|click|de|eu|fr|in|info|it|nl|org|pl|pm|pw|re|ru|su|tf|uk|work|xyz|yt)",
    ),
    ("matsnu", "matsnu", r"[a-z-]{12,}\.com"),
    ("mebroot", "mebroot", r"[a-z]{7,11}\.com"),
    ("meta", "ramdo", r"[aceg-z]{16}\.xyz"),
    ("mewsei", "symmi", r"[a-z]{8,16}\.(ddns\.net|localtunnel\.me)"),
    ("mingloa", "mingloa", r"[0-9a-f]{16}\.(xyz|com)"),
    ("mintsloader", "mintsloader", r"[a-z0-9]{15}\.top"),
    ("mydoom", "mydoom", r"[aehmnpqrsw]{10}\.[a-z]+"),
    ("mylobot", "mylobot", r"[a-z]{7,8}\.(ru|com|net|org)"),
    ("necurs", "necurs", r"[a-z]{7,21}\.[a-z]+"),
    ("netloader", "netloader", r"[a-z]{12}\.[a-z]+"),
    ("nivdort", "suppobox", r"[a-z]{8,18}\.(net|ru)"),
    ("nymaim", "nymaim", r"[a-z]{5,12}\.(com|net|in|pw)"),
    ("orchard", "orchard", r"[0-9a-f]{8}\.(com|net|org|duckdns\.org)"),
    ("osx_flashback", "flashback", r"[a-z]{12,13}\.[a-z]+"),
    ("phorpiex", "phorpiex", r"[a-z]{14,19}\.su"),
    ("prometei", "prometei", r"xinchao[a-z]{6}\.[a-z]+"),
    ("ramdo", "ramdo", r"[a-z]{16}\.org"),
    ("simda", "simda", r"([a-z]{7}\.com|[a-z]{11}\.eu|[a-z]{8}\.info)"),
    ("tinba", "tinba", r"[a-z]{12}\.[a-z]+"),
    ("tofsee", "tofsee", r"d[a-z]{2}d[a-z]{3}\.(biz|ch)"),
    ("vawtrak", "vawtrak", r"[a-z]{7,14}\.(com|ru|net|top|info|in|pw|xyz)"),
    ("virut", "virut", r"[a-z]{6}\.com"),
    ("wannacry", "wannacry", r"[a-z]{7,19}\.us"),
    ("xhunt", "bumblebee", r"[a-z0-9]{8,14}\.(life|click|live|org)"),
    ("xpay", "xpay", r"[a-z]{6,13}\.[a-z]+"),
    ("zloader", "zloader", r"[a-z]{20}\.com"),
];

/// The most names of a file: some families have made tens of thousands, which all tell the same.
const NAMES_MAX: usize = 1000;

/// Generated names with their families, out of the packed archive, which may have `bytes_max` bytes
/// unpacked.
pub(super) fn generated(packed: impl Read, bytes_max: u64) -> Result<Vec<(String, &'static str)>> {
    let mut shapes = BTreeMap::new();
    for (file, family, shape) in FAMILIES {
        shapes.insert(*file, (*family, Regex::new(&format!("^{shape}$"))?));
    }
    let mut all = Vec::new();
    let mut archive = tar::Archive::new(GzDecoder::new(packed).take(bytes_max));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let file = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let Some((family, shape)) = shapes.remove(file) else { continue };
        let mut text = String::new();
        #[expect(clippy::disallowed_methods, reason = "limited by `take`")]
        entry.read_to_string(&mut text).with_context(|| path.display().to_string())?;
        all.extend(some_of(&text, &shape).into_iter().map(|name| (name, family)));
    }
    if let Some(file) = shapes.keys().next() {
        bail!("`{ARCHIVE}` has no file `{file}`; the evaluation takes generated names from it");
    }
    Ok(all)
}

/// The names of a file that have the shape, from all of it, [`NAMES_MAX`] at most.
fn some_of(text: &str, shape: &Regex) -> Vec<String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let names: BTreeSet<&str> = lines.filter(|name| shape.is_match(name)).collect();
    let step = names.len().div_ceil(NAMES_MAX).max(1);
    names.into_iter().step_by(step).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(packer);
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            let path = format!("malware/{name}.txt");
            builder.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn names_that_a_generator_made_are_told_from_the_rest_of_a_file() {
        let mut files: Vec<(&str, &str)> = FAMILIES.iter().map(|(file, ..)| (*file, "")).collect();
        files.push(("unheard-of", "abcdefghijklmnop.org\n"));
        let tinba = "# Reference: https://a.example\nabcdefghijkl.com # seen\nshop.example.com\n\
                     http://abcdefghijkl.net/x\nabcdefghijkl.com\nlmnopqrstuvw.pk\n";
        *files.iter_mut().find(|(file, _)| *file == "tinba").unwrap() = ("tinba", tinba);
        let found = generated(&archive(&files)[..], 1 << 20).unwrap();
        let names = [("abcdefghijkl.com".into(), "tinba"), ("lmnopqrstuvw.pk".into(), "tinba")];
        assert_eq!(found, names);
        let error = generated(&archive(&files[1..])[..], 1 << 20).unwrap_err();
        assert!(error.to_string().contains("no file `android_exobot`"), "{error}");
    }

    #[test]
    fn a_large_family_is_taken_from_all_of_its_file() {
        let letters =
            |at: usize| [at / 676, at / 26 % 26, at % 26].map(|n| char::from(97 + n as u8));
        let text: String = (0..2500)
            .map(|at| format!("{}.top\n", letters(at).iter().collect::<String>()))
            .collect();
        let names = some_of(&text, &Regex::new(r"^[a-z]{3}\.top$").unwrap());
        assert_eq!(names.len(), 834);
        assert_eq!((names[0].as_str(), names[833].as_str()), ("aaa.top", "dsd.top"));
    }
}
