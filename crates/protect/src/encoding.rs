//! Content codings (RFC 9110 section 8.4) of long bodies: gzip and zstd, as the client accepts them.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_ENCODING;
use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::Write as _;

/// The effort that gzip makes, from 1 to 9: lists are long, and repeat themselves so much that more
/// gains little.
const GZIP_LEVEL: u32 = 3;

/// A coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878: a frame for each part, which decoders read one after the other.
    Zstd,
}

impl Coding {
    /// The one that a client likes best; of several zstd, and without a word as it is.
    pub(crate) fn accepted(headers: &HeaderMap) -> Self {
        let mut likes = [None; 3];
        let mut others = None;
        let lines = headers.get_all(ACCEPT_ENCODING).into_iter();
        let items = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        for item in items {
            let (name, quality) = quality(item);
            let [identity, gzip, zstd] = &mut likes;
            match name.to_ascii_lowercase().as_str() {
                "identity" => *identity = Some(quality),
                "gzip" | "x-gzip" => *gzip = Some(quality),
                "zstd" => *zstd = Some(quality),
                "*" => others = Some(quality),
                _ => {}
            }
        }
        let [identity, gzip, zstd] = likes;
        // What is not named is not accepted, apart from sending things as they are.
        let coded = |like: Option<u16>| like.or(others).unwrap_or(0);
        let all = [
            (identity.map_or(1, |like| like.max(1)), Self::Identity),
            (coded(gzip), Self::Gzip),
            (coded(zstd), Self::Zstd),
        ];
        all.into_iter().max().map_or(Self::Identity, |(_, coding)| coding)
    }

    /// Its name in `Content-Encoding`; none for things as they are.
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// A coding and how much it is liked, in thousandths (RFC 9110 section 12.4.2).
fn quality(item: &str) -> (&str, u16) {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().ok())?
    });
    // From 0 to 1 by definition: the cast loses nothing.
    (name, (weight.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u16)
}

/// Codes a body part by part, in the memory of a part.
#[derive(Debug)]
pub(crate) enum Coder {
    Identity,
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Zstd { is_empty: bool },
}

impl Coder {
    pub(crate) fn new(coding: Coding) -> Self {
        match coding {
            Coding::Identity => Self::Identity,
            Coding::Gzip => {
                Self::Gzip(Box::new(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))))
            }
            Coding::Zstd => Self::Zstd { is_empty: true },
        }
    }

    /// Bytes that a part should have.
    pub(crate) const fn part_bytes(&self) -> usize {
        match self {
            Self::Identity | Self::Gzip(_) => 32 * 1024,
            // Nothing is remembered from one frame to the next.
            Self::Zstd { .. } => 256 * 1024,
        }
    }

    /// What is to be sent for a part; perhaps nothing yet.
    pub(crate) fn code(&mut self, part: Vec<u8>) -> Vec<u8> {
        match self {
            _ if part.is_empty() => Vec::new(),
            Self::Identity => part,
            Self::Gzip(encoder) => {
                // Memory takes every byte.
                encoder.write_all(&part).unwrap_or_default();
                std::mem::take(encoder.get_mut())
            }
            Self::Zstd { is_empty } => {
                *is_empty = false;
                compress_to_vec(&*part, CompressionLevel::Fastest)
            }
        }
    }

    /// What is to be sent at the end.
    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Self::Identity | Self::Zstd { is_empty: false } => Vec::new(),
            Self::Gzip(encoder) => encoder.finish().unwrap_or_default(),
            Self::Zstd { is_empty: true } => {
                compress_to_vec(&[][..], CompressionLevel::Uncompressed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_what_they_like_best() {
        for (accepted, coding) in [
            ("", Coding::Identity),
            ("gzip, deflate, br, zstd", Coding::Zstd),
            ("gzip", Coding::Gzip),
            ("GZIP;q=0.8, zstd ; Q=0.5", Coding::Gzip),
            ("gzip;q=0", Coding::Identity),
            ("*", Coding::Zstd),
            ("*, zstd;q=0", Coding::Gzip),
            ("identity, gzip;q=0.5", Coding::Identity),
            ("br", Coding::Identity),
            ("gzip;q=nonsense", Coding::Gzip),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, accepted.parse().unwrap());
            assert_eq!(Coding::accepted(&headers), coding, "{accepted}");
        }
        assert_eq!(Coding::accepted(&HeaderMap::new()), Coding::Identity);
    }

    #[test]
    fn what_is_coded_comes_back_whole() {
        let text: Vec<u8> =
            (0..60_000u32).flat_map(|n| format!("many-{n}.top\n").into_bytes()).collect();
        for parts in [text.chunks(100_000).collect::<Vec<_>>(), vec![&b"short\n"[..]], vec![]] {
            let whole = parts.concat();
            for coding in [Coding::Identity, Coding::Gzip, Coding::Zstd] {
                let mut coder = Coder::new(coding);
                let mut coded: Vec<u8> =
                    parts.iter().flat_map(|part| coder.code(part.to_vec())).collect();
                coded.extend(coder.finish());
                let mut back = Vec::new();
                match coding {
                    Coding::Identity => back = coded,
                    Coding::Gzip => {
                        let mut decoder = flate2::read::GzDecoder::new(&*coded);
                        std::io::copy(&mut decoder, &mut back).unwrap();
                    }
                    Coding::Zstd => {
                        let mut rest = &*coded;
                        while !rest.is_empty() {
                            let mut frame =
                                ruzstd::decoding::StreamingDecoder::new(&mut rest).unwrap();
                            std::io::copy(&mut frame, &mut back).unwrap();
                        }
                    }
                }
                assert_eq!(back, whole, "{coding:?}");
            }
        }
    }
}
