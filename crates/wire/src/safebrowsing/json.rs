//! The canonical JSON of Protocol Buffers, as far as it is needed.

use super::RequestError;
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};
use serde_json::{Map, Value};

/// Names of the values of an enumeration.
pub(super) type Names = &'static [(i32, &'static str)];

/// The name of a value; nameless ones are written as numbers.
pub(super) fn named(names: Names, value: i32) -> Value {
    let name = names.iter().find(|(number, _)| *number == value);
    name.map_or_else(|| value.into(), |(_, name)| (*name).into())
}

/// The value of a name or number. Numbers may be of things that did not exist when this was written;
/// a name that nobody knows is a mistake.
pub(super) fn value_of(
    names: Names,
    value: &Value,
    field: &'static str,
) -> Result<i32, RequestError> {
    let Value::String(text) = value else {
        let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
        return number.ok_or(RequestError::Number(field));
    };
    let found = names.iter().find(|(_, name)| *name == text.as_str());
    found.map(|(number, _)| *number).ok_or_else(|| {
        let known: Vec<&str> = names.iter().skip(1).map(|(_, name)| *name).collect();
        let value = text.chars().take(64).collect();
        RequestError::Name { field, value, known: known.join(", ") }
    })
}

/// Bytes in base64.
pub(super) fn bytes(bytes: &[u8]) -> Value {
    BASE64.encode(bytes).into()
}

/// Base64 in any of its spellings: with or without padding, for URLs or not.
pub(super) fn bytes_of(text: &str, field: &'static str) -> Result<Vec<u8>, RequestError> {
    let text = text.as_bytes();
    let spellings = [BASE64, BASE64URL, BASE64_NOPAD, BASE64URL_NOPAD];
    let read = spellings.iter().find_map(|spelling| spelling.decode(text).ok());
    read.ok_or(RequestError::Base64(field))
}

/// A field that holds bytes; empty where it is left out.
pub(super) fn bytes_field(object: &Value, field: &'static str) -> Result<Vec<u8>, RequestError> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => bytes_of(text, field),
        Some(_) => Err(RequestError::Base64(field)),
    }
}

/// A field that holds a number, as such or as text; 0 where it is left out.
pub(super) fn number_field(object: &Value, field: &'static str) -> Result<i32, RequestError> {
    let number = match object.get(field) {
        None | Some(Value::Null) => return Ok(0),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_i64(),
    };
    let in_range = number.and_then(|number| i32::try_from(number).ok());
    in_range.filter(|number| *number >= 0).ok_or(RequestError::Number(field))
}

/// The elements of a field that holds a list; none where it is left out.
pub(super) fn elements<'v>(object: &'v Value, field: &str) -> &'v [Value] {
    object.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A span of time, as text: `300s`.
pub(super) fn duration(seconds: i64) -> Value {
    format!("{seconds}s").into()
}

/// An object of the fields that are set: what is empty is left out.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let is_set = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(all) => !all.is_empty(),
        Value::Number(number) => number.as_i64() != Some(0),
        Value::Bool(true) | Value::Object(_) => true,
    };
    let set = fields.into_iter().filter(|(_, value)| is_set(value));
    Value::Object(set.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

/// A list of what each element is written as.
pub(super) fn list<T>(all: &[T], write: impl Fn(&T) -> Value) -> Value {
    Value::Array(all.iter().map(write).collect())
}
