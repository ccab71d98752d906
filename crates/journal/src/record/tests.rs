//! Every record goes to bytes and back; no bytes make trouble.

use super::*;
use proptest::prelude::*;

fn indicator() -> impl Strategy<Value = Indicator> {
    prop_oneof![
        "[a-z]{1,12}\\.(com|top)".prop_map(|name| Indicator::parse(&name).unwrap()),
        "http://[a-z]{1,8}\\.top/[a-z/]{0,200}".prop_map(|url| Indicator::parse(&url).unwrap()),
        any::<[u8; 4]>().prop_map(|octets| Indicator::address(octets.into())),
        any::<[u8; 32]>().prop_map(Indicator::Sha256),
        any::<u32>().prop_map(Indicator::Asn),
        proptest::collection::vec(any::<u8>(), 0..20)
            .prop_map(|payload| Indicator::Unknown { tag: 99, payload: payload.into() }),
    ]
}

fn details() -> impl Strategy<Value = Option<Box<Details>>> {
    let text = || proptest::option::of("\\PC{1,20}".prop_map(Box::<str>::from));
    let all = (text(), text(), text(), proptest::option::of(any::<u64>().prop_map(Timestamp)));
    all.prop_map(|(family, actor, reference, registered)| {
        let details = Details { family, actor, reference, registered };
        (!details.is_empty()).then(|| Box::new(details))
    })
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let numbers = (any::<u32>(), any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>());
    let times = (any::<u64>(), any::<u64>(), proptest::option::of(any::<u64>()));
    (indicator(), numbers, times, details(), 0u8..3, 0u8..4, any::<u8>()).prop_map(
        |(
            indicator,
            (tenant, source, record, revision, batch),
            times,
            details,
            scope,
            stance,
            confidence,
        )| {
            Evidence {
                tenant: TenantId(tenant),
                source: SourceId(source),
                indicator,
                scope: Scope::from_tag(scope).unwrap(),
                record: RecordId(record),
                revision,
                batch: BatchId(batch),
                stance: Stance::from_tag(stance).unwrap(),
                category: Category::CommandAndControl,
                confidence,
                first_seen: Timestamp(times.0),
                last_seen: Timestamp(times.1),
                until: times.2.map(Timestamp),
                tlp: Tlp::Amber,
                sharing: Sharing::Tenant,
                details,
            }
        },
    )
}

fn there_and_back(record: &Record) {
    let mut bytes = Vec::new();
    encode(record, &mut bytes);
    assert_eq!(decode(&bytes).as_ref(), Ok(record));
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "a record cut at byte {length} was read");
    }
    bytes.push(0);
    assert_eq!(decode(&bytes), Err(RecordError::Trailing(1)));
}

fn source() -> Source {
    Source {
        per_kind: vec![(Kind::Domain, Reliability::A), (Kind::Ipv4, Reliability::E)],
        half_life_secs: Some(86_400),
        shadow: true,
        redistribute: true,
        ..Source::undescribed(SourceId(7), "feed", Reliability::C)
    }
}

#[test]
fn rare_records_go_there_and_back() {
    let indicator = Indicator::parse("evil.top").unwrap();
    let (tenant, source_id) = (TenantId(3), SourceId(9));
    there_and_back(&Record::Retraction(Retraction {
        tenant,
        source: source_id,
        indicator: indicator.clone(),
        scope: Scope::Below,
        record: RecordId(5),
        at: Timestamp(77),
    }));
    there_and_back(&Record::BatchSeen(BatchSeen {
        tenant,
        source: source_id,
        batch: BatchId(1),
        revision: 300,
        at: Timestamp(1 << 40),
        full: true,
        digest: [9; 32],
        counts: ImportCounts { read: 1, accepted: 200, duplicate: 3, rejected: 4, expired: 5 },
    }));
    there_and_back(&Record::Relation(Relation {
        tenant,
        source: source_id,
        from: indicator.clone(),
        kind: RelationKind::ResolvesTo,
        to: Indicator::parse("45.95.11.34").unwrap(),
        confidence: 80,
        first_seen: Timestamp(1),
        last_seen: Timestamp(2),
        tlp: Tlp::Green,
    }));
    there_and_back(&Record::Decision(Decision {
        tenant,
        indicator,
        scope: Scope::Subtree,
        action: Action::Refute,
        category: Category::Phishing,
        author: "ann".into(),
        reason: "a customer".into(),
        at: Timestamp(5),
        until: Some(Timestamp(6)),
    }));
}

#[test]
fn calibrations_go_there_and_back() {
    there_and_back(&Record::Calibration(Calibration {
        epoch: 12,
        at: Timestamp(5),
        reason: "operator".into(),
        changes: vec![
            CalibrationChange::Source(source()),
            CalibrationChange::HalfLife(Category::Spam, 3600),
            CalibrationChange::Hosting(vec!["a.com".into(), "b.com".into()]),
            CalibrationChange::NeverListed(vec![]),
            CalibrationChange::SuffixList([3; 32]),
            CalibrationChange::Learned {
                source: SourceId(7),
                kind: Kind::Url,
                right: 10,
                wrong: 2,
            },
            CalibrationChange::Patterns(patterns()),
            CalibrationChange::Patterns(PatternSet { lists: vec![], ..patterns() }),
        ],
    }));
}

fn patterns() -> PatternSet {
    let pattern = |kind, text: &str| Pattern { kind, text: text.into() };
    PatternSet {
        source: SourceId(300),
        batch: BatchId::SNAPSHOT,
        confidence: 95,
        tlp: Tlp::Green,
        first_seen: Timestamp(5),
        last_seen: Timestamp(1 << 33),
        lists: vec![PatternList {
            name: "contact addresses".into(),
            kinds: vec![Kind::Url, Kind::Email],
            stance: Stance::Benign,
            category: Category::KnownGood,
            patterns: vec![
                pattern(PatternKind::Substring, "any.run"),
                pattern(PatternKind::Regex, "(?i)^(soc|abuse)@"),
            ],
        }],
    }
}

/// The bytes of a set, written down: what is on disk today must be read for ever.
#[test]
fn the_bytes_of_patterns_stay_what_they_are() {
    let change = CalibrationChange::Patterns(PatternSet {
        first_seen: Timestamp(1),
        last_seen: Timestamp(2),
        source: SourceId(9),
        lists: vec![PatternList {
            name: "l".into(),
            kinds: vec![Kind::Url],
            patterns: vec![Pattern { kind: PatternKind::Regex, text: "ab".into() }],
            ..patterns().lists.remove(0)
        }],
        ..patterns()
    });
    let record =
        Calibration { epoch: 2, at: Timestamp(3), reason: "r".into(), changes: vec![change] };
    let mut bytes = Vec::new();
    encode(&Record::Calibration(record), &mut bytes);
    let good = Category::KnownGood.tag();
    let set = [9, 1, 95, 1, 1, 2, 1, 1, b'l', 1, 7, 1, good, 1, 1, 2, b'a', b'b'];
    assert_eq!(bytes, [&[6, 2, 3, 1, b'r', 1, 7][..], &set].concat());
}

/// Files of builds that knew no patterns are read as they were written.
#[test]
fn calibrations_without_patterns_are_read() {
    let bytes = [6, 1, 5, 1, b'o', 1, 4, 1, 4, b'a', b'r', b'p', b'a'];
    let Ok(Record::Calibration(read)) = decode(&bytes) else { panic!("not read") };
    assert_eq!(read.changes, [CalibrationChange::NeverListed(vec!["arpa".into()])]);
    let unknown = [6, 1, 5, 1, b'o', 1, 99];
    assert_eq!(decode(&unknown), Err(RecordError::Unknown { what: "a change", value: 99 }));
}

#[test]
fn a_record_of_the_future_is_named() {
    assert_eq!(decode(&[250, 1, 2]), Err(RecordError::UnknownType(250)));
}

proptest! {
    #[test]
    fn evidence_goes_there_and_back(evidence in evidence()) {
        there_and_back(&Record::Evidence(evidence));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120), tag in 0u8..8) {
        let mut record = vec![tag];
        record.extend(bytes);
        fuzz_record(&record);
    }

    #[test]
    fn a_flipped_bit_makes_no_trouble(evidence in evidence(), at in any::<usize>(), bit in 0u8..8) {
        let mut bytes = Vec::new();
        encode_evidence(&evidence, &mut bytes);
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        fuzz_record(&bytes);
    }

    #[test]
    fn varints_go_there_and_back(value in any::<u64>()) {
        let mut bytes = Vec::new();
        varint(value, &mut bytes);
        prop_assert_eq!(read_varint(&bytes), Some((value, &[][..])));
    }
}
