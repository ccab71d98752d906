//! The canonical JSON of Protocol Buffers, as far as it is needed: what serde is told to do with the
//! fields of messages.
//!
//! What is not set is not written; `null` is read as not set. Bytes are base64, in any of its
//! spellings. Values of enumerations have names; those that exist since this was written are numbers.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// Names of the values of an enumeration.
pub(super) type Names = &'static [(i32, &'static str)];

/// Whether a field is not set.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads a field that may be `null`.
pub(super) fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Base64 in any of its spellings: with or without padding, for URLs or not.
pub(super) fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let spellings = [BASE64, BASE64URL, BASE64_NOPAD, BASE64URL_NOPAD];
    spellings.iter().find_map(|spelling| spelling.decode(text.as_bytes()).ok())
}

/// Bytes.
pub(super) mod base64 {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        bytes: &[u8],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = match Word::deserialize(deserializer)? {
            Word::Null => return Ok(Vec::new()),
            Word::Number(_) => return Err(Error::custom("a number stands where base64 is")),
            Word::Text(text) => text,
        };
        bytes_of(&text).ok_or_else(|| Error::custom("something is not base64"))
    }
}

/// Writes a 64-bit number: text in JSON.
pub(super) fn as_text<S: Serializer>(
    number: &impl fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// Reads a number from 0, as such or as text.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let number = match Word::deserialize(deserializer)? {
        Word::Null => Some(0),
        Word::Number(number) => i32::try_from(number).ok(),
        Word::Text(text) => text.parse().ok(),
    };
    let number = number.filter(|number| *number >= 0);
    number.ok_or_else(|| Error::custom("it is no number from 0 to 2147483647"))
}

/// An enumeration whose values stand in messages as numbers.
pub(super) trait Enumeration {
    /// What a value is called.
    const WHAT: &'static str;
    /// The names of its values.
    const NAMES: Names;
}

/// Declares enumerations.
macro_rules! enumerations {
    ($($(#[$about:meta])* $name:ident $what:literal $names:expr;)*) => { $(
        $(#[$about])*
        pub(super) enum $name {}

        impl Enumeration for $name {
            const WHAT: &'static str = $what;
            const NAMES: Names = &$names;
        }
    )* };
}

enumerations! {
    /// `ThreatType`.
    Threat "threat type" [
        (0, "THREAT_TYPE_UNSPECIFIED"),
        (1, "MALWARE"),
        (2, "SOCIAL_ENGINEERING"),
        (3, "UNWANTED_SOFTWARE"),
        (4, "POTENTIALLY_HARMFUL_APPLICATION"),
        (5, "SOCIAL_ENGINEERING_INTERNAL"),
        (6, "API_ABUSE"),
        (7, "MALICIOUS_BINARY"),
        (8, "CSD_WHITELIST"),
        (9, "CSD_DOWNLOAD_WHITELIST"),
        (10, "CLIENT_INCIDENT"),
        (11, "CLIENT_INCIDENT_WHITELIST"),
        (12, "APK_MALWARE_OFFLINE"),
        (13, "SUBRESOURCE_FILTER"),
        (14, "SUSPICIOUS"),
        (15, "TRICK_TO_BILL"),
        (16, "HIGH_CONFIDENCE_ALLOWLIST"),
        (17, "ACCURACY_TIPS"),
    ];
    /// `PlatformType`.
    Platform "platform type" [
        (0, "PLATFORM_TYPE_UNSPECIFIED"),
        (1, "WINDOWS"),
        (2, "LINUX"),
        (3, "ANDROID"),
        (4, "OSX"),
        (5, "IOS"),
        (6, "ANY_PLATFORM"),
        (7, "ALL_PLATFORMS"),
        (8, "CHROME"),
    ];
    /// `ThreatEntryType`.
    EntryKind "threat entry type" [
        (0, "THREAT_ENTRY_TYPE_UNSPECIFIED"),
        (1, "URL"),
        (2, "EXECUTABLE"),
        (3, "IP_RANGE"),
        (4, "CHROME_EXTENSION"),
        (5, "FILENAME"),
        (6, "CERT"),
    ];
    /// `CompressionType`.
    Compression "compression type" [(0, "COMPRESSION_TYPE_UNSPECIFIED"), (1, "RAW"), (2, "RICE")];
    /// `ResponseType`.
    ResponseKind "response type" [(0, "RESPONSE_TYPE_UNSPECIFIED"), (1, "PARTIAL_UPDATE"), (2, "FULL_UPDATE")];
    /// `ThreatAttribute` of version 5.
    Attribute "attribute" [(1, "CANARY"), (2, "FRAME_ONLY")];
    /// `LikelySafeType` of version 5.
    SafeType "likely safe type" [(1, "GENERAL_BROWSING"), (2, "CSD"), (3, "DOWNLOAD")];
    /// `HashLength` of version 5.
    Length "hash length" [(2, "FOUR_BYTES"), (3, "EIGHT_BYTES"), (5, "THIRTY_TWO_BYTES")];
}

/// Writes a value by its name; nameless ones are written as numbers.
pub(super) fn write<E: Enumeration, S: Serializer>(
    value: &i32,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let known = E::NAMES.iter().find(|(number, _)| number == value);
    match known {
        Some((_, name)) => serializer.serialize_str(name),
        None => serializer.serialize_i32(*value),
    }
}

/// Writes values by their names.
pub(super) fn write_all<E: Enumeration, S: Serializer>(
    values: &[i32],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    struct Named<E>(i32, PhantomData<E>);

    impl<E: Enumeration> Serialize for Named<E> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            write::<E, S>(&self.0, serializer)
        }
    }

    serializer.collect_seq(values.iter().map(|value| Named::<E>(*value, PhantomData)))
}

/// Reads a name or number. A name that nobody knows is a mistake: an answer without it would read as
/// "safe".
pub(super) fn read<'de, E: Enumeration, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<i32, D::Error> {
    value_of::<E, D::Error>(Word::deserialize(deserializer)?)
}

/// Reads names and numbers.
pub(super) fn read_all<'de, E: Enumeration, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<i32>, D::Error> {
    let words: Vec<Word<'de>> = or_default(deserializer)?;
    words.into_iter().map(value_of::<E, D::Error>).collect()
}

fn value_of<E: Enumeration, F: Error>(word: Word<'_>) -> Result<i32, F> {
    let text = match word {
        Word::Null => return Ok(0),
        Word::Number(number) => {
            let wrong =
                |_| Error::invalid_value(Unexpected::Signed(number), &"a number of 32 bits");
            return i32::try_from(number).map_err(wrong);
        }
        Word::Text(text) => text,
    };
    let known = E::NAMES.iter().find(|(_, name)| *name == text);
    known.map(|(number, _)| *number).ok_or_else(|| {
        let known: Vec<&str> = E::NAMES.iter().skip(1).map(|(_, name)| *name).collect();
        let text: String = text.chars().take(64).collect();
        let (what, known) = (E::WHAT, known.join(", "));
        Error::custom(format_args!("there is no {what} `{text}`; there are {known}"))
    })
}

/// What stands for a value: its name, or a number.
enum Word<'w> {
    Null,
    Number(i64),
    Text(Cow<'w, str>),
}

impl<'de> Deserialize<'de> for Word<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;

        impl<'de> Visitor<'de> for Words {
            type Value = Word<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a whole number")
            }

            fn visit_unit<E: Error>(self) -> Result<Word<'de>, E> {
                Ok(Word::Null)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Word<'de>, E> {
                Ok(Word::Number(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Word<'de>, E> {
                Ok(Word::Number(i64::try_from(number).unwrap_or(i64::MAX)))
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Word<'de>, E> {
                Ok(Word::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Word<'de>, E> {
                Ok(Word::Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_any(Words)
    }
}
