//! Where things lie.

use std::path::{Path, PathBuf};

/// Names the data folder when `--data-dir` does not.
pub(crate) const DATA_DIR_VARIABLE: &str = "WARDNET_DATA_DIR";

/// The data folder when nobody names one: `/var/lib/wardnet` for root, else in the user's home.
pub(crate) fn default_data_dir() -> PathBuf {
    let home = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(|| {
        let home = PathBuf::from(std::env::var_os("HOME")?);
        (home != Path::new("/root")).then(|| home.join(".local/share"))
    });
    home.map_or_else(|| "/var/lib/wardnet".into(), |home| home.join("wardnet"))
}

/// The running server's socket.
pub(crate) fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join("wardnet.sock")
}

/// The tokens' file.
pub(crate) fn tokens(data_dir: &Path) -> PathBuf {
    data_dir.join("tokens.json")
}

/// The lists of Safe Browsing, between two runs.
pub(crate) fn safe_browsing_lists(data_dir: &Path) -> PathBuf {
    data_dir.join("safe-browsing.lists")
}

/// How models do on trial.
pub(crate) fn model_trials(data_dir: &Path) -> PathBuf {
    data_dir.join("model-trials.json")
}

/// What CrowdSec's bouncers know, and its agents.
pub(crate) fn crowdsec(data_dir: &Path) -> PathBuf {
    data_dir.join("crowdsec")
}

/// The last serial of response policy zones.
pub(crate) fn serial(data_dir: &Path) -> PathBuf {
    data_dir.join("rpz-serial")
}
