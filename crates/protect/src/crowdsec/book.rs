//! The file that remembers what bouncers are told, and how far each has listened.
//!
//! It grows by what happens, in the order in which it happens, and is written anew when most of it
//! is out of date. A file that was cut off tells an earlier state in all its parts: a bouncer may
//! then be told something twice, but never misses anything.
//!
//! ```text
//! file    = "WVCSECS1" frame*
//! frame   = length u32, CRC-32 u32, content        (numbers are little-endian)
//! content = 1 entry*                                what happened to places
//!         | 2 bouncer[16] step u32 time u32         how far a bouncer has listened
//!         | 3 step u32 forgotten u32                the last step, and up to which some are forgotten
//! entry   = said 0 / gone 1, place[17], category, decided, until u32, step u32, since u32, time u32
//! ```

use super::place::Place;
use super::told::{Gone, Row, Said, Step, Told};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use wardnet_model::Category;

const MAGIC: &[u8; 8] = b"WVCSECS1";
const ENTRY_BYTES: usize = 36;
/// Entries of one frame.
const ENTRIES_MAX: usize = 1_024;
/// The longest content of a frame.
const CONTENT_BYTES_MAX: usize = 1 + ENTRIES_MAX * ENTRY_BYTES;
/// Bytes more than a file needs, from which on it is written anew.
const SLACK_BYTES: u64 = 1 << 20;

/// A bouncer, by what tells it from others.
pub(super) type BouncerId = [u8; 16];

/// How far a bouncer has listened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// It knows everything up to this step.
    pub(super) seq: u32,
    /// When it last heard something, in Unix seconds.
    pub(super) at_secs: u32,
}

/// All bouncers.
pub(super) type Bouncers = BTreeMap<BouncerId, Known>;

/// The file, open for more.
#[derive(Debug)]
pub(super) struct Book {
    path: PathBuf,
    /// None once something could not be written: what is there is an earlier state then.
    file: Option<File>,
    bytes: u64,
}

impl Book {
    /// Opens a file, or begins one; gives back what it says.
    pub(super) fn open(path: PathBuf) -> (Self, Told, Bouncers) {
        let (mut told, mut bouncers) = (Told::default(), Bouncers::new());
        let opened = read_file(&path, &mut told, &mut bouncers);
        let (file, bytes) = match opened {
            Ok((file, bytes)) => (Some(file), bytes),
            Err(error) => {
                let path = path.display();
                tracing::error!(%path, %error, "what bouncers know will not outlive this run");
                (None, 0)
            }
        };
        (Self { path, file, bytes }, told, bouncers)
    }

    /// Lets go of the file: what happens from now on is not written down.
    pub(super) fn close(&mut self) {
        self.file = None;
    }

    /// Whether what happens is written down.
    pub(super) const fn is_kept(&self) -> bool {
        self.file.is_some()
    }

    /// Writes down what happened.
    pub(super) fn steps(&mut self, steps: &[Step]) {
        let mut bytes = Vec::new();
        steps.chunks(ENTRIES_MAX).for_each(|chunk| frame(&entries(chunk), &mut bytes));
        self.append(&bytes);
    }

    /// Writes down how far a bouncer has listened.
    pub(super) fn known(&mut self, id: BouncerId, known: Known) {
        let mut bytes = Vec::new();
        frame(&bouncer(id, known), &mut bytes);
        self.append(&bytes);
    }

    fn append(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        match file.write_all(bytes) {
            Ok(()) => self.bytes = self.bytes.saturating_add(bytes.len() as u64),
            Err(error) => {
                let path = self.path.display();
                tracing::error!(%path, %error, "what bouncers know will not outlive this run");
                self.file = None;
            }
        }
    }

    /// Writes everything anew if most of the file is out of date.
    pub(super) fn tidy_up(&mut self, told: &Told, bouncers: &Bouncers) {
        let places = told.len().saturating_add(told.gone_len()) as u64;
        let bouncers_bytes = (bouncers.len() as u64).saturating_mul(40);
        let needed = places.saturating_mul(ENTRY_BYTES as u64).saturating_add(bouncers_bytes);
        let allowed = needed.saturating_mul(2).saturating_add(SLACK_BYTES);
        if self.file.is_none() || self.bytes <= allowed {
            return;
        }
        match rewrite(&self.path, told, bouncers) {
            Ok((file, bytes)) => (self.file, self.bytes) = (Some(file), bytes),
            // The old one goes on.
            Err(error) => {
                let path = self.path.display();
                tracing::warn!(%path, %error, "what bouncers know could not be written anew");
            }
        }
    }
}

/// Reads a file up to where it was cut off, and goes on there.
fn read_file(path: &Path, told: &mut Told, bouncers: &mut Bouncers) -> io::Result<(File, u64)> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    let length = file.metadata()?.len();
    let good = decode(BufReader::with_capacity(1 << 16, &file), told, bouncers)?;
    if good < length {
        let path = path.display();
        tracing::warn!(%path, good, length, "what bouncers know was cut off; they may hear twice");
    }
    file.set_len(good)?;
    file.seek(SeekFrom::Start(good))?;
    if good == 0 {
        file.write_all(MAGIC)?;
    }
    Ok((file, good.max(MAGIC.len() as u64)))
}

/// Reads what a file says; gives back how many of its bytes are sound.
fn decode(mut input: impl Read, told: &mut Told, bouncers: &mut Bouncers) -> io::Result<u64> {
    let mut magic = [0; 8];
    if !read_whole(&mut input, &mut magic)? || &magic != MAGIC {
        return Ok(0);
    }
    let mut good = MAGIC.len() as u64;
    let mut head = [0; 8];
    let mut content = Vec::new();
    while read_whole(&mut input, &mut head)? {
        let (length, sum) = (u32_at(&head, 0), u32_at(&head, 4));
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > CONTENT_BYTES_MAX {
            break;
        }
        content.clear();
        content.resize(length, 0);
        if !read_whole(&mut input, &mut content)? || crc32fast::hash(&content) != sum {
            break;
        }
        if !take(&content, told, bouncers) {
            break;
        }
        good = good.saturating_add(8).saturating_add(length as u64);
    }
    Ok(good)
}

/// Fills a buffer; false at the end.
fn read_whole(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn take(content: &[u8], told: &mut Told, bouncers: &mut Bouncers) -> bool {
    let Some((tag, rest)) = content.split_first() else { return false };
    match tag {
        1 => {
            let chunks = rest.chunks_exact(ENTRY_BYTES);
            let is_whole = chunks.remainder().is_empty();
            let steps: Option<Vec<Step>> = chunks.map(entry).collect();
            let Some(steps) = steps.filter(|_| is_whole) else { return false };
            steps.into_iter().for_each(|step| told.take(step));
            true
        }
        2 => {
            let Some((id, rest)) = rest.split_first_chunk::<16>() else { return false };
            let known = Known { seq: u32_at(rest, 0), at_secs: u32_at(rest, 4) };
            bouncers.insert(*id, known);
            rest.len() == 8
        }
        3 => {
            told.at(u32_at(rest, 0), u32_at(rest, 4));
            rest.len() == 8
        }
        _ => false,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    four.map_or(0, |four| u32::from_le_bytes(*four))
}

fn entry(bytes: &[u8]) -> Option<Step> {
    let (tag, rest) = bytes.split_first()?;
    let (place, rest) = rest.split_first_chunk::<17>()?;
    let ([category, decided], rest) = rest.split_first_chunk::<2>()?;
    let place = Place::decode(place)?;
    let category = Category::from_tag(*category)?;
    let said = Said { category, is_decided: *decided != 0, until_secs: u32_at(rest, 0) };
    let (seq, since, at_secs) = (u32_at(rest, 4), u32_at(rest, 8), u32_at(rest, 12));
    match tag {
        0 => Some(Step::Said(place, Row { said, seq, since })),
        1 => Some(Step::Gone(place, Gone { said, seq, since, at_secs })),
        _ => None,
    }
}

fn entries(steps: &[Step]) -> Vec<u8> {
    let mut content = Vec::with_capacity(1 + steps.len() * ENTRY_BYTES);
    content.push(1);
    for step in steps {
        let (tag, place, said, numbers) = match step {
            Step::Said(place, row) => (0, place, row.said, [row.seq, row.since, 0]),
            Step::Gone(place, gone) => (1, place, gone.said, [gone.seq, gone.since, gone.at_secs]),
        };
        content.push(tag);
        content.extend(place.encode());
        content.extend([said.category.tag(), u8::from(said.is_decided)]);
        content.extend(said.until_secs.to_le_bytes());
        content.extend(numbers.into_iter().flat_map(u32::to_le_bytes));
    }
    content
}

fn bouncer(id: BouncerId, known: Known) -> Vec<u8> {
    let mut content = vec![2];
    content.extend(id);
    content.extend([known.seq, known.at_secs].into_iter().flat_map(u32::to_le_bytes));
    content
}

fn frame(content: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    out.extend(length.to_le_bytes());
    out.extend(crc32fast::hash(content).to_le_bytes());
    out.extend_from_slice(content);
}

/// Writes a whole file beside the old one, and puts it into its place.
fn rewrite(path: &Path, told: &Told, bouncers: &Bouncers) -> io::Result<(File, u64)> {
    let new = path.with_extension("new");
    let mut out = BufWriter::with_capacity(1 << 17, File::create(&new)?);
    encode(&mut out, told, bouncers)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

fn encode(out: &mut impl Write, told: &Told, bouncers: &Bouncers) -> io::Result<()> {
    out.write_all(MAGIC)?;
    let mut bytes = Vec::new();
    let rows = told.rows().map(|(place, row)| Step::Said(place, *row));
    let gone = told.gone().map(|(place, gone)| Step::Gone(place, *gone));
    let mut steps = rows.chain(gone).peekable();
    while steps.peek().is_some() {
        let chunk: Vec<Step> = steps.by_ref().take(ENTRIES_MAX).collect();
        frame(&entries(&chunk), &mut bytes);
        out.write_all(&bytes)?;
        bytes.clear();
    }
    let mut head = vec![3];
    head.extend([told.seq(), told.forgotten_to()].into_iter().flat_map(u32::to_le_bytes));
    frame(&head, &mut bytes);
    bouncers.iter().for_each(|(id, known)| frame(&bouncer(*id, *known), &mut bytes));
    out.write_all(&bytes)
}

/// Reads any bytes as a file, and what was read as it is written.
pub fn fuzz_crowdsec_book(bytes: &[u8]) {
    let (mut told, mut bouncers) = (Told::default(), Bouncers::new());
    let good = decode(bytes, &mut told, &mut bouncers).unwrap_or(0);
    assert!(usize::try_from(good).is_ok_and(|good| good <= bytes.len()));
    let mut written = Vec::new();
    if encode(&mut written, &told, &bouncers).is_ok() {
        let (mut again, mut others) = (Told::default(), Bouncers::new());
        let all = decode(&*written, &mut again, &mut others);
        assert_eq!(all.ok(), Some(written.len() as u64));
        assert_eq!((again.len(), again.seq(), &others), (told.len(), told.seq(), &bouncers));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardnet_model::Timestamp;

    fn place(number: u8) -> Place {
        Place::of(std::net::IpAddr::from([192, 0, 2, number]), 32).unwrap()
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("wardnet-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_was_told_outlives_the_program_wherever_it_was_cut_off() {
        let folder = folder("book");
        let path = folder.join("told");
        let (mut book, mut told, mut bouncers) = Book::open(path.clone());
        let said = Said { category: Category::Spam, is_decided: true, until_secs: 77 };
        for number in 0..20 {
            let words = [(place(number), Some(said)), (place(number / 2), None)];
            book.steps(&told.apply(words, Timestamp(1_000)));
            let known = Known { seq: told.seq(), at_secs: 1_000 };
            book.known([7; 16], known);
            bouncers.insert([7; 16], known);
        }
        drop(book);
        let whole = std::fs::read(&path).unwrap();
        fuzz_crowdsec_book(&whole);
        let (_, again, known) = Book::open(path.clone());
        assert_eq!(known, bouncers);
        let content = |told: &Told| {
            let rows = told.rows().map(|(place, row)| (place, *row)).collect::<Vec<_>>();
            (rows, told.gone().map(|(place, gone)| (place, *gone)).collect::<Vec<_>>())
        };
        assert_eq!(content(&again), content(&told));
        for cut in (0..whole.len()).step_by(5) {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (mut book, told, bouncers) = Book::open(path.clone());
            // Nobody knows more than there is.
            assert!(bouncers.values().all(|known| known.seq <= told.seq()), "cut at {cut}");
            assert!(book.is_kept());
            book.known([8; 16], Known { seq: 1, at_secs: 1 });
            assert_eq!(Book::open(path.clone()).2.len(), bouncers.len() + 1, "cut at {cut}");
            let mut changed = whole.clone();
            changed[cut] ^= 0x15;
            fuzz_crowdsec_book(&changed);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_is_written_anew_when_most_of_it_is_out_of_date() {
        let folder = folder("tidy-book");
        let path = folder.join("told");
        let (mut book, mut told, mut bouncers) = Book::open(path.clone());
        let said = |until_secs| Said { category: Category::Spam, is_decided: false, until_secs };
        for round in 0..3_000 {
            let words = (0..20).map(|number| (place(number), Some(said(round))));
            book.steps(&told.apply(words, Timestamp(1_000)));
            let known = Known { seq: told.seq(), at_secs: 1_000 };
            bouncers.insert([9; 16], known);
            book.known([9; 16], known);
            book.tidy_up(&told, &bouncers);
        }
        drop(book);
        assert!(std::fs::metadata(&path).unwrap().len() < 2 * SLACK_BYTES);
        let (_, again, others) = Book::open(path);
        assert_eq!((again.seq(), again.len(), others), (told.seq(), told.len(), bouncers));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
