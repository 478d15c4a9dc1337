use super::*;
use crate::random::Random;

const KEY: &[u8] = b"lg:key";

fn seal() -> Seal {
    Seal::new(&[7; 32])
}

fn random_origin(random: &mut Random) -> Origin {
    let concerns = (0..random.below(20)).map(|_| {
        let num = Num(random.next());
        Concern::from_parts(1 + random.below(13) as u8, num).unwrap()
    });
    Origin {
        tenant: Num(1),
        shard: Shard(2),
        concerns: concerns.collect(),
        stamp: Stamp { counter: random.next(), nonce: random.next() },
        revision: Revision(random.next()),
        not_after: (random.below(2) == 0).then(|| Timestamp(random.next() as i64)),
        epoch: 3,
    }
}

fn sample() -> Origin {
    let concerns = [Concern::Tenant, Concern::Fax(Num(7))];
    Origin {
        tenant: Num(1),
        shard: Shard(2),
        stamp: Stamp { counter: 3, nonce: 4 },
        revision: Revision(5),
        concerns: concerns.into(),
        not_after: Some(Timestamp(6)),
        epoch: 0,
    }
}

fn encoded(question: &[u8], answer: &[u8], origin: Origin) -> Vec<u8> {
    Record { question, answer, origin }.encode(&seal(), KEY).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let mut random = Random::seeded(5);
    for _ in 0..2_000 {
        let (question, answer) = (random.bytes(300), random.bytes(300));
        let record =
            Record { question: &question, answer: &answer, origin: random_origin(&mut random) };
        let value = record.encode(&seal(), KEY).unwrap();
        let read = Record::decode(&seal(), KEY, &question, record.origin.epoch, &value);
        assert_eq!(read, Some(record));
    }
}

#[test]
fn every_bit_counts() {
    let mut value = encoded(b"question", b"answer", sample());
    for bit in 0..value.len() * 8 {
        value[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Record::decode(&seal(), KEY, b"question", 0, &value), None, "bit {bit}");
        value[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(Record::decode(&seal(), KEY, b"question", 0, &value).is_some());
}

#[test]
fn nothing_may_be_missing_or_added() {
    let mut value = encoded(b"question", b"answer", sample());
    for len in 0..value.len() {
        assert_eq!(Record::decode(&seal(), KEY, b"question", 0, &value[..len]), None, "{len}");
    }
    value.push(0);
    assert_eq!(Record::decode(&seal(), KEY, b"question", 0, &value), None);
}

#[test]
fn it_answers_its_own_question_under_its_own_key_only() {
    let value = encoded(b"question", b"answer", sample());
    assert_eq!(Record::decode(&seal(), b"lg:other", b"question", 0, &value), None);
    assert_eq!(Record::decode(&seal(), KEY, b"questio", 0, &value), None);
    assert_eq!(Record::decode(&Seal::new(&[8; 32]), KEY, b"question", 0, &value), None);
}

/// The parser by itself: whatever a replica of another version, with the right key for its seal,
/// may have written.
#[test]
fn bytes_that_make_no_sense_are_refused_under_a_right_seal_too() {
    let mut random = Random::seeded(6);
    let right = encoded(b"question", b"answer", sample());
    let body = &right[SEAL_BYTES..];
    let mut understood = 0;
    for _ in 0..50_000 {
        let mut body = body.to_vec();
        match random.below(4) {
            0 => body.truncate(random.below(body.len())),
            1 => body.extend(random.bytes(20)),
            _ => {
                for _ in 0..=random.below(4) {
                    let at = random.below(body.len());
                    body[at] = [0, 1, 0x7f, 0xff, random.next() as u8][random.below(5)];
                }
            }
        }
        let mut value = seal().of(PURPOSE, &[KEY, &body]).to_vec();
        value.extend(&body);
        let read = Record::decode(&seal(), KEY, b"question", 0, &value);
        if let Some(record) = read {
            // What is understood is written just so.
            assert_eq!(record.encode(&seal(), KEY), Some(value.clone()));
            understood += 1;
        }
    }
    assert!(understood > 1_000, "{understood}");
}

#[test]
fn a_count_is_believed_only_as_far_as_there_are_bytes() {
    let taken = allocation_counter::measure(|| {
        let right = encoded(b"question", b"answer", sample());
        let mut body = right[SEAL_BYTES..].to_vec();
        // The number of concerns.
        body[43..47].copy_from_slice(&[0xff; 4]);
        let mut value = seal().of(PURPOSE, &[KEY, &body]).to_vec();
        value.extend(&body);
        assert_eq!(Record::decode(&seal(), KEY, b"question", 0, &value), None);
    });
    assert!(taken.bytes_total < 10_000, "{}", taken.bytes_total);
}

#[test]
fn what_is_too_large_is_not_written() {
    let encode = |len: usize, concerns: usize| {
        let concerns = vec![Concern::Fax(Num(1)); concerns].into();
        let origin = Origin { concerns, ..sample() };
        Record { question: b"q", answer: &vec![0; len], origin }.encode(&seal(), KEY)
    };
    assert_eq!(encode(60_000, 0).unwrap().len(), 60_000 + 88);
    assert_eq!(encode(MAX_BYTES - 88, 0).unwrap().len(), MAX_BYTES);
    assert_eq!(encode(MAX_BYTES - 87, 0), None);
    assert_eq!(encode(0, 10_000), None);
}
