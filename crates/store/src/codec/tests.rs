//! Dossiers go to bytes and back; no bytes make trouble.

use super::*;
use proptest::prelude::*;
use wardnet_model::{Action, Details, Indicator, Scope};

fn dossier(evidence: usize, decisions: usize) -> Dossier {
    let indicator = Indicator::parse("evil.top").unwrap();
    let mut dossier = Dossier::new(&indicator);
    for at in 0..evidence {
        dossier.evidence.push(Held {
            tenant: TenantId(0),
            source: SourceId(at as u32),
            record: RecordId(at as u64 * 77),
            revision: 3,
            batch: BatchId::SNAPSHOT,
            stance: Stance::Malicious,
            category: Category::Phishing,
            confidence: 95,
            tlp: Tlp::Clear,
            sharing: Sharing::Everyone,
            first_seen: Timestamp(1000),
            last_seen: Timestamp(2000),
            until: (at % 2 == 0).then_some(Timestamp(3000)),
            details: (at % 3 == 0)
                .then(|| Box::new(Details { family: Some("emotet".into()), ..Details::default() })),
        });
    }
    for at in 0..decisions {
        dossier.decisions.push(Decision {
            tenant: TenantId(at as u32),
            indicator: indicator.clone(),
            scope: Scope::Subtree,
            action: Action::Block,
            category: Category::Malware,
            author: "ann".into(),
            reason: "seen".into(),
            at: Timestamp(at as u64),
            until: None,
        });
    }
    let voice = |source, shareable| Voice { source: SourceId(source), shareable };
    dossier.published.sources = [voice(4, true), voice(900, false)].into_iter().collect();
    dossier.published.private = decisions > 1;
    dossier
}

#[test]
fn dossiers_go_there_and_back() {
    for (evidence, decisions) in [(0, 0), (1, 0), (0, 1), (9, 3), (100, 0)] {
        let dossier = dossier(evidence, decisions);
        let mut bytes = Vec::new();
        encode(&dossier, &mut bytes);
        assert_eq!(decode(&bytes).unwrap(), dossier);
        let front = decode_front(&bytes).unwrap();
        assert_eq!(front.payload, &*dossier.payload);
        assert_eq!((front.published, front.decisions), (dossier.published, dossier.decisions));
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut at {length}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        fuzz_dossier(&bytes);
    }

    #[test]
    fn a_flipped_bit_makes_no_trouble(at in any::<usize>(), bit in 0u8..8) {
        let mut bytes = Vec::new();
        encode(&dossier(4, 2), &mut bytes);
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        fuzz_dossier(&bytes);
    }
}
