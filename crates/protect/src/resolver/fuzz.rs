//! What the resolver decodes itself, for fuzzing.

use std::sync::LazyLock;

use hickory_resolver::proto::op::{Message, ResponseCode};

use super::asked::{Asked, Head, agree};
use super::config::Limits;
use super::own;
use super::stored::{ExtendedError, Fit, Stored};

/// Reads `bytes` as a question, in a hurry and with a closer look, and answers it from here.
pub fn fuzz_resolver_question(bytes: &[u8]) {
    agree(bytes);
    match Asked::read(bytes) {
        Ok(asked) => write_all(&Stored::failure(&asked, 0, 1), &asked, ResponseCode::ServFail),
        Err(refusal) => {
            let Some(answer) = own::refusal(&refusal) else { return };
            assert!(answer.len() >= 12, "a whole header");
            Message::from_vec(&answer).expect("a refusal that can be read");
        }
    }
}

/// Takes `bytes` for what an upstream said, keeps it, and passes it on.
pub fn fuzz_resolver_answer(bytes: &[u8]) {
    static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);
    let Ok(message) = Message::from_vec(bytes) else { return };
    let code = message.metadata.response_code;
    let Some(query) = message.queries.first().cloned() else { return };
    let mut question = Message::query();
    question.add_query(query.clone());
    let Ok(question) = question.to_vec() else { return };
    let Ok(asked) = Asked::read(&question) else { return };
    if let Ok(stored) = Stored::of(message, &query, &LIMITS, 0) {
        write_all(&stored, &asked, code);
    }
}

/// Writes an answer in little room and in much, early and late: what goes out can be read, says
/// what was asked, and fits.
fn write_all(stored: &Stored, asked: &Asked, code: ResponseCode) {
    let error = ExtendedError::new(ExtendedError::BLOCKED, "a reason");
    for (bytes_max, now_secs) in [(512, 0), (1_232, 50), (usize::from(u16::MAX), 100_000)] {
        let fit = Fit { now_secs, bytes_max, own_payload: 1_232, pad: bytes_max > 1_232 };
        let head = asked.head();
        let mut out = Vec::new();
        stored.write(&head, Some(&error), fit, &mut out);
        // A question is at most 259 bytes, and always fits.
        assert!(out.len() <= bytes_max, "{} bytes in the room of {bytes_max}", out.len());
        let read = Message::from_vec(&out).expect("an answer that can be read");
        assert_eq!(read.metadata.id, head.id);
        assert_eq!(read.queries.len(), 1);
        assert_eq!(read.metadata.response_code.low(), code.low());
        assert!(Head::read(&out).is_none(), "an answer is no question");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::Index;

    const QUESTIONS: [&[u8]; 2] = [
        include_bytes!("../../../../fuzz/corpus/protect_resolver_question/plain"),
        include_bytes!("../../../../fuzz/corpus/protect_resolver_question/edns"),
    ];

    const ANSWERS: [&[u8]; 3] = [
        include_bytes!("../../../../fuzz/corpus/protect_resolver_answer/alias"),
        include_bytes!("../../../../fuzz/corpus/protect_resolver_answer/negative"),
        include_bytes!("../../../../fuzz/corpus/protect_resolver_answer/service"),
    ];

    #[test]
    fn seeds_are_what_they_are_called() {
        assert!(QUESTIONS.iter().all(|bytes| Head::read(bytes).is_some()));
        let read = |bytes| Message::from_vec(bytes).unwrap();
        assert_eq!(read(ANSWERS[0]).answers.len(), 2);
        assert_eq!(read(ANSWERS[1]).response_code, ResponseCode::NXDomain);
        assert!(format!("{}", read(ANSWERS[2]).answers[0].data).contains("ipv4hint"));
    }

    /// Runs a target on a seed with mistakes in it, and on its beginning.
    fn run(fuzz: fn(&[u8]), seed: &[u8], changes: &[(Index, u8)], cut: Index) {
        let mut bytes = seed.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        fuzz(&bytes);
        fuzz(&bytes[..cut.index(bytes.len())]);
    }

    proptest! {
        #[test]
        fn seeds_with_mistakes_in_them_are_survived(
            seed in any::<Index>(),
            changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..8),
            cut in any::<Index>(),
        ) {
            run(fuzz_resolver_question, seed.get::<&[u8]>(&QUESTIONS), &changes, cut);
            run(fuzz_resolver_answer, seed.get::<&[u8]>(&ANSWERS), &changes, cut);
        }
    }
}
