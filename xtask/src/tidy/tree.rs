//! The files of the repository, read once for all rules.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// A file larger than this is no source or prose, and its text is not read.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// One file.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// Relative to the root of the repository, with `/` between its parts.
    pub(super) path: String,
    /// Its size in bytes.
    pub(super) size: u64,
    /// Its text, where it is UTF-8 and not too large.
    pub(super) text: Option<String>,
}

impl File {
    /// The text, or nothing for what is not text.
    pub(super) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// The last part of the path.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// All files that belong to the repository, sorted by path.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

impl Tree {
    /// Reads everything under `root` but `.git` and what the `.gitignore` files there leave out.
    ///
    /// Git itself is not asked: a source archive has none, and a container's clone often belongs
    /// to another user, whom Git then distrusts.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "", &Ignores::default())?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn read_folder(&mut self, root: &Path, folder: &str, above: &Ignores) -> Result<()> {
        let here = root.join(folder);
        let ignores = above.with(folder, &here.join(".gitignore"))?;
        let entries = here.read_dir().with_context(|| format!("cannot read {}", here.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = join(folder, &name);
            if name == ".git" || ignores.cover(&path) {
                continue;
            }
            // A file may vanish while an editor saves it; that is no fault of the repository.
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() {
                self.read_folder(root, &path, &ignores)?;
            } else if about.is_file() {
                let text = (about.len() <= TEXT_BYTES_MAX)
                    .then(|| fs::read_to_string(entry.path()).ok())
                    .flatten();
                self.files.push(File { path, size: about.len(), text });
            }
        }
        Ok(())
    }

    /// Whether there is a file or a folder at `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }

    /// The file at `path`.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// All Rust sources.
    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// All Markdown pages.
    pub(super) fn markdown(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".md"))
    }

    /// The names of the folders directly under `folder`, without repeats.
    pub(super) fn folders(&self, folder: &str) -> Vec<&str> {
        let inside = self.files.iter().filter_map(|file| file.path.strip_prefix(folder));
        let mut names: Vec<&str> = inside
            .filter_map(|rest| rest.strip_prefix('/')?.split_once('/'))
            .map(|(name, _)| name)
            .collect();
        names.dedup();
        names
    }
}

/// The part of `.gitignore` that this repository uses: `/path`, `*.ext` and plain names.
#[derive(Debug, Clone, Default)]
struct Ignores {
    paths: Vec<String>,
    names: Vec<String>,
    extensions: Vec<String>,
}

impl Ignores {
    fn with(&self, folder: &str, file: &Path) -> Result<Self> {
        let mut all = self.clone();
        if !file.is_file() {
            return Ok(all);
        }
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        for line in text.lines().map(|line| line.trim().trim_end_matches('/')) {
            if let Some(path) = line.strip_prefix('/') {
                all.paths.push(join(folder, path));
            } else if let Some(extension) = line.strip_prefix('*') {
                all.extensions.push(extension.to_owned());
            } else if !line.is_empty() && !line.starts_with('#') {
                all.names.push(line.to_owned());
            }
        }
        Ok(all)
    }

    fn cover(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or_default();
        self.paths.iter().any(|ignored| ignored == path)
            || self.names.iter().any(|ignored| ignored == name)
            || self.extensions.iter().any(|extension| name.ends_with(extension.as_str()))
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A made-up tree for the tests of rules.
#[cfg(test)]
pub(super) fn made_up(files: &[(&str, &str)]) -> Tree {
    let mut files: Vec<File> = files
        .iter()
        .map(|(path, text)| File {
            path: (*path).to_owned(),
            size: text.len() as u64,
            text: Some((*text).to_owned()),
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Tree { files }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_has_sources_and_no_build_results() {
        let root = crate::root().unwrap();
        let tree = Tree::read(&root).unwrap();
        assert!(tree.has("xtask/src/tidy/tree.rs") && tree.has("xtask/src/") && tree.has(".ci"));
        assert!(!tree.has(".git") && !tree.has("target") && !tree.has("no/such/file"));
        assert!(tree.folders("xtask").contains(&"src"));
    }

    #[test]
    fn ignores_follow_the_three_shapes() {
        let ignores = Ignores {
            paths: vec!["fuzz/artifacts".to_owned()],
            names: vec!["node_modules".to_owned()],
            extensions: vec![".profraw".to_owned()],
        };
        assert!(ignores.cover("fuzz/artifacts") && ignores.cover("console/node_modules"));
        assert!(ignores.cover("crates/a/x.profraw"));
        assert!(!ignores.cover("artifacts") && !ignores.cover("fuzz/artifacts.md"));
    }
}
