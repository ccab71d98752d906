//! Where a model is written: beside what is there, and then in its place.

use crate::args::TrainOptions as Options;
use anyhow::{Context as _, bail};
use std::fs::{Metadata, Permissions, metadata};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What may be read and written of a new file, from which the user's mask takes away.
const NEW_FILE_MODE: u32 = 0o666;

/// A file that is to be written.
#[derive(Debug)]
pub(super) struct Place {
    /// Where it is, by whatever links it was named.
    target: PathBuf,
}

impl Place {
    /// Takes the place that the options name, before time is spent on what could not be written or
    /// would replace what it was learned from.
    pub(super) fn new(options: &Options) -> anyhow::Result<Self> {
        let named = &options.out;
        let name = || named.display().to_string();
        let there = match metadata(named) {
            Ok(there) => there,
            Err(error) if error.kind() == ErrorKind::NotFound => return Self::free(named),
            Err(error) => return Err(error).with_context(name),
        };
        if !there.is_file() {
            bail!("{} is no file; name one for the model", name());
        }
        let inputs = options.malicious.iter().chain(&options.benign).chain(&options.about);
        for input in inputs {
            let standard_input = input == Path::new("-");
            let path = if standard_input { Path::new("/dev/stdin") } else { input };
            if metadata(path).is_ok_and(|input| is_same(&input, &there)) {
                bail!("{} is read from; name another file for the model", name());
            }
        }
        let target = named.canonicalize().with_context(name)?;
        Ok(Self { target })
    }

    /// A place where nothing is yet.
    fn free(named: &Path) -> anyhow::Result<Self> {
        let place = Self { target: named.to_owned() };
        if !place.folder().is_dir() || named.file_name().is_none() {
            bail!("{} lies in no folder that there is; make it first", named.display());
        }
        Ok(place)
    }

    fn folder(&self) -> &Path {
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new("."))
    }

    /// Replaces what is there: a disk that is full leaves the old file as it was.
    pub(super) fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let name = || format!("{} cannot be written", self.target.display());
        self.replace(bytes).with_context(name)
    }

    fn replace(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mode = Permissions::from_mode(NEW_FILE_MODE);
        let mut builder = tempfile::Builder::new();
        let mut file = builder.permissions(mode).tempfile_in(self.folder())?;
        file.write_all(bytes)?;
        if let Ok(old) = metadata(&self.target) {
            file.as_file().set_permissions(old.permissions())?;
        }
        file.as_file().sync_all()?;
        file.persist(&self.target)?;
        Ok(())
    }
}

fn is_same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn options(input: &Path, out: &Path) -> Options {
        Options {
            malicious: vec![input.to_owned()],
            benign: vec![],
            out: out.to_owned(),
            about: None,
            seed: 1,
        }
    }

    #[test]
    fn what_is_learned_from_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let input = path("bad.txt");
        std::fs::write(&input, "a").unwrap();
        symlink(&input, path("link")).unwrap();
        std::fs::hard_link(&input, path("hard")).unwrap();
        for out in [path("bad.txt"), path("link"), path("hard"), path(".").join("bad.txt")] {
            let told = Place::new(&options(&input, &out)).unwrap_err().to_string();
            assert!(told.contains("name another file"), "{told}");
        }
        std::fs::write(path("own.model"), "b").unwrap();
        for out in ["own.model", "new.model"] {
            Place::new(&options(&input, &path(out))).unwrap();
        }
        for (out, part) in [("", "is no file"), ("none/new.model", "make it first")] {
            let told = Place::new(&options(&input, &path(out))).unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn a_model_takes_the_place_of_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let input = path("bad.txt");
        let mode = |path: &Path| metadata(path).unwrap().permissions().mode() & 0o777;
        let write = |out: &str| {
            Place::new(&options(&input, &path(out))).unwrap().write(b"new").unwrap();
            assert_eq!(std::fs::read(path(out)).unwrap(), b"new");
        };
        std::fs::write(path("plain"), "").unwrap();
        write("new.model");
        assert_eq!(mode(&path("new.model")), mode(&path("plain")), "as any new file");
        std::fs::write(path("old.model"), "old").unwrap();
        std::fs::set_permissions(path("old.model"), Permissions::from_mode(0o640)).unwrap();
        symlink(path("old.model"), path("link.model")).unwrap();
        write("link.model");
        assert_eq!(std::fs::read(path("old.model")).unwrap(), b"new");
        assert_eq!(mode(&path("old.model")), 0o640);
        assert!(path("link.model").symlink_metadata().unwrap().is_symlink());
        let count = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(count, 4, "nothing is left beside them");
    }
}
