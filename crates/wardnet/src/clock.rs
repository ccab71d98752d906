//! The one place of the binary where the time is read.

pub(crate) use wardnet_server::now_unix as now;
