//! The OpenAPI description of the routes that the binary itself adds: feeds, tokens, ingest.

use serde_json::Value;

/// The paths and the schemas they use.
pub(crate) fn openapi() -> Value {
    // The file is compiled in, and a test reads it: an empty description is never served.
    serde_json::from_str(include_str!("openapi.json")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_json_with_paths() {
        let document: Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
        assert!(document["paths"].as_object().is_some_and(|paths| paths.len() >= 6));
    }
}
