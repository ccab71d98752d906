//! Rules for files of any sort.

use super::Finding;
use super::tree::Tree;

/// A larger file makes every clone slower, for ever.
const BYTES_MAX: u64 = 1 << 20;

/// Files that may be larger all the same, each with its reason.
const LARGE: [(&str, &str); 2] =
    [("models/domain.model", "a model that ships"), ("models/url.model", "a model that ships")];

/// No file is too large to live in a repository.
pub(super) fn sizes(tree: &Tree) -> Vec<Finding> {
    let large = tree.files.iter().filter(|file| file.size > BYTES_MAX);
    large
        .filter(|file| !LARGE.iter().any(|(path, _)| *path == file.path))
        .map(|file| {
            let message = format!("{} KiB: shrink it, or list it in LARGE", file.size >> 10);
            Finding::new(&file.path, 1, message)
        })
        .collect()
}

/// Shell scripts stop at the first failure, also inside a pipe.
pub(super) fn shell_scripts(tree: &Tree) -> Vec<Finding> {
    let scripts = tree.files.iter().filter(|file| is_shell(&file.path, file.text()));
    scripts
        .filter(|file| !file.text().lines().any(|line| line == "set -euo pipefail"))
        .map(|file| Finding::new(&file.path, 1, "say `set -euo pipefail` first"))
        .collect()
}

fn is_shell(path: &str, text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    path.ends_with(".sh") || (first.starts_with("#!") && first.ends_with("sh"))
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_up;
    use super::*;

    #[test]
    fn large_files_are_found() {
        let mut tree = made_up(&[("a.dat", ""), ("b.dat", "")]);
        tree.files[1].size = BYTES_MAX + 1;
        let paths: Vec<_> = sizes(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["b.dat"]);
    }

    #[test]
    fn careless_scripts_are_found() {
        let tree = made_up(&[
            ("a/run", "#!/usr/bin/env bash\nset -euo pipefail\n"),
            ("b/run", "#!/usr/bin/env bash\nset -e\n"),
            ("lib.sh", "# no set\n"),
            ("c/run", "#!/usr/bin/env python3\n"),
        ]);
        let paths: Vec<_> = shell_scripts(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["b/run", "lib.sh"]);
    }
}
