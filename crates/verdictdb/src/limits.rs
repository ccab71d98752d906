//! Every bound of the format, with a name and a default.

/// What a reader or a builder accepts at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a file's directory (sections, shards, profiles, source names). Default 512 MiB.
    pub directory_bytes_max: u64,
    /// Distinct profiles in a file. Default 2^20.
    pub profiles_max: u32,
    /// Named sources in a file. Default 2^20.
    pub sources_max: u32,
    /// Bytes of one canonical name. Default 8192.
    pub name_bytes_max: u32,
    /// Bytes of one frame of a change log, without its head. Default 64 MiB.
    pub frame_bytes_max: u32,
    /// Changes in one frame of a change log. Default 2^20.
    pub frame_changes_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            directory_bytes_max: 512 << 20,
            profiles_max: 1 << 20,
            sources_max: 1 << 20,
            name_bytes_max: 8192,
            frame_bytes_max: 64 << 20,
            frame_changes_max: 1 << 20,
        }
    }
}
