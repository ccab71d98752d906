//! A disk in memory that forgets and tears what was not synced, fills up and fails: for tests.
//!
//! It keeps, for each file and for the names, what is durable and the changes made since. A crash
//! applies some of those changes, chosen by a seed: none, all, a beginning, or any pieces of them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::disk::{Disk, DiskFile};

/// A disk whose faults a test chooses. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct FaultDisk {
    disk: Arc<Mutex<Model>>,
}

#[derive(Debug)]
struct Model {
    random: Random,
    /// Counts the crashes, so that handles from before are of no use after.
    boots: u64,
    /// By number; a file without a name lives on for those who have it open.
    files: Vec<FileModel>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    name_changes: Vec<NameChange>,
    space: Option<u64>,
    failing_syncs: u32,
    syncs: u64,
    sync_delay: Duration,
    /// Changes until the power goes.
    changes_left: Option<u64>,
    off: bool,
}

#[derive(Debug, Default)]
struct FileModel {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

#[derive(Clone, Debug)]
enum NameChange {
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Remove(PathBuf),
}

impl FaultDisk {
    /// An empty disk whose crashes follow from `seed`.
    pub fn new(seed: u64) -> Self {
        let model = Model {
            random: Random(seed),
            boots: 0,
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
            space: None,
            failing_syncs: 0,
            syncs: 0,
            sync_delay: Duration::ZERO,
            changes_left: None,
            off: false,
        };
        Self { disk: Arc::new(Mutex::new(model)) }
    }

    /// Cuts the power and starts again: what was not synced is lost, kept or torn. Open files are
    /// of no use any more, and all faults are over.
    pub fn crash(&self) {
        self.model().crash();
    }

    /// From now on only so many bytes can be written before the disk is full.
    pub fn set_space(&self, bytes: Option<u64>) {
        self.model().space = bytes;
    }

    /// Lets the next `count` syncs of files fail. As on Linux, what they should have written is
    /// lost although it can be read, and a later sync succeeds all the same.
    pub fn fail_syncs(&self, count: u32) {
        self.model().failing_syncs = count;
    }

    /// Lets every sync of a file take so long.
    pub fn set_sync_delay(&self, delay: Duration) {
        self.model().sync_delay = delay;
    }

    /// How many syncs of files there have been.
    pub fn syncs(&self) -> u64 {
        self.model().syncs
    }

    /// Cuts the power at the change after the next `changes` (a write, a sync, a new name...):
    /// from then on everything fails until [`Self::crash`].
    pub fn power_off_after(&self, changes: u64) {
        self.model().changes_left = Some(changes);
    }

    /// Replaces a file's bytes, durably: to damage it.
    pub fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut model = self.model();
        let file = model.file(path)?;
        model.files[file] =
            FileModel { bytes: bytes.to_vec(), durable: bytes.to_vec(), changes: Vec::new() };
        Ok(())
    }

    /// A file's bytes as they can be read now.
    pub fn contents(&self, path: &Path) -> io::Result<Vec<u8>> {
        let model = self.model();
        let file = model.file(path)?;
        Ok(model.files[file].bytes.clone())
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, model: &Model, file: usize) -> Arc<dyn DiskFile> {
        Arc::new(FaultFile { disk: self.clone(), boot: model.boots, file })
    }
}

impl Model {
    fn file(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn powered(&self) -> io::Result<()> {
        if self.off { Err(io::Error::other("no power")) } else { Ok(()) }
    }

    /// Counts a change about to be made, and whether the power fails during it. Such a change may
    /// or may not reach the medium: it is made, and reported as failed.
    fn count_change(&mut self) -> io::Result<io::Result<()>> {
        self.powered()?;
        self.off = self.changes_left == Some(0);
        self.changes_left = self.changes_left.map(|left| left.saturating_sub(1));
        Ok(self.powered())
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }

    fn change_file(&mut self, file: usize, change: Change) {
        let file = &mut self.files[file];
        change.apply(&mut file.bytes);
        file.changes.push(change);
    }

    fn crash(&mut self) {
        let random = &mut self.random;
        for file in &mut self.files {
            file.crash(random);
        }
        let keep_all = random.below(3) == 0;
        for change in self.name_changes.drain(..) {
            if keep_all || random.below(2) == 0 {
                change.apply(&mut self.durable_names);
            }
        }
        self.names = self.durable_names.clone();
        self.boots += 1;
        (self.space, self.failing_syncs, self.changes_left) = (None, 0, None);
        self.off = false;
    }
}

impl FileModel {
    fn sync(&mut self) {
        for change in self.changes.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    fn crash(&mut self, random: &mut Random) {
        let changes = std::mem::take(&mut self.changes);
        let mode = random.below(4);
        let whole = match mode {
            0 => 0,
            1 => changes.len(),
            _ => random.below(changes.len() as u64 + 1) as usize,
        };
        for (index, change) in changes.iter().enumerate() {
            if mode < 3 && index < whole {
                change.apply(&mut self.durable);
            } else if mode == 3 || (mode == 2 && index == whole) {
                change.apply_torn(&mut self.durable, random);
            }
        }
        self.bytes = self.durable.clone();
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Truncate(len) => file.resize(*len, 0),
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*at..end].copy_from_slice(bytes);
            }
        }
    }

    /// Keeps any pieces: those that are lost leave what was there, or zeros.
    fn apply_torn(&self, file: &mut Vec<u8>, random: &mut Random) {
        let Self::Write { at, bytes } = self else {
            if random.below(2) == 0 {
                self.apply(file);
            }
            return;
        };
        let piece_bytes = 1 + random.below(64) as usize;
        for (index, piece) in bytes.chunks(piece_bytes).enumerate() {
            if random.below(3) > 0 {
                let write = Self::Write { at: at + index * piece_bytes, bytes: piece.to_vec() };
                write.apply(file);
            }
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Create(path, file) => {
                names.insert(path.clone(), *file);
            }
            Self::Rename(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            Self::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

impl Disk for FaultDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        self.model().powered()
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut model = self.model();
        let power = model.count_change()?;
        let file = match model.names.get(path).copied() {
            Some(file) => {
                model.change_file(file, Change::Truncate(0));
                file
            }
            None => {
                model.files.push(FileModel::default());
                let file = model.files.len() - 1;
                model.change_names(NameChange::Create(path.to_owned(), file));
                file
            }
        };
        power.map(|()| self.handle(&model, file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let model = self.model();
        model.powered()?;
        Ok(self.handle(&model, model.file(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut model = self.model();
        let file = model.file(from)?;
        let power = model.count_change()?;
        model.change_names(NameChange::Rename(from.to_owned(), to.to_owned(), file));
        power
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut model = self.model();
        model.file(path)?;
        let power = model.count_change()?;
        model.change_names(NameChange::Remove(path.to_owned()));
        power
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let model = self.model();
        model.powered()?;
        let inside = model.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let mut model = self.model();
        model.count_change()??;
        model.name_changes.clear();
        model.durable_names = model.names.clone();
        Ok(())
    }
}

#[derive(Debug)]
struct FaultFile {
    disk: FaultDisk,
    boot: u64,
    file: usize,
}

impl FaultFile {
    fn model(&self) -> io::Result<MutexGuard<'_, Model>> {
        let model = self.disk.model();
        if model.boots == self.boot { Ok(model) } else { Err(io::Error::other("crashed since")) }
    }
}

impl DiskFile for FaultFile {
    fn size(&self) -> io::Result<u64> {
        let model = self.model()?;
        model.powered()?;
        Ok(model.files[self.file].bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let model = self.model()?;
        model.powered()?;
        let bytes = &model.files[self.file].bytes;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let read = (bytes.len() - start).min(buffer.len());
        buffer[..read].copy_from_slice(&bytes[start..start + read]);
        Ok(read)
    }

    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut model = self.model()?;
        let power = model.count_change()?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let fits = model.space.map_or(bytes.len() as u64, |space| space.min(bytes.len() as u64));
        model.space = model.space.map(|space| space - fits);
        let written = bytes[..fits as usize].to_vec();
        // The write during which the power goes may still have reached the medium.
        model.change_file(self.file, Change::Write { at, bytes: written });
        power?;
        if fits < bytes.len() as u64 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut model = self.model()?;
        let power = model.count_change()?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        model.change_file(self.file, Change::Truncate(len));
        power
    }

    fn sync_data(&self) -> io::Result<()> {
        let delay = self.model()?.sync_delay;
        if !delay.is_zero() {
            thread::sleep(delay);
        }
        let mut model = self.model()?;
        model.syncs += 1;
        model.count_change()??;
        if model.failing_syncs > 0 {
            model.failing_syncs -= 1;
            model.files[self.file].changes.clear();
            return Err(io::Error::other("the medium does not answer"));
        }
        model.files[self.file].sync();
        Ok(())
    }
}

/// SplitMix64: small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }
}
