//! Compares a journal's folder with what a store kept as it took its records: the heads of the chain prove which bytes those were,
//! and how far the journal had come.

use super::chain::Head;
use super::frame::Sequence;
use super::verify::Content;

/// A batch of records as a store kept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptBatch {
    /// Its first record.
    pub first: Sequence,
    /// Its last record; that of the next one comes after it.
    pub last: Sequence,
    /// The head of the chain where it ends, if the journal had one.
    pub head: Option<Head>,
}

/// What a store kept of a node's journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptJournal {
    /// The last record that it took.
    pub position: Sequence,
    /// The journal's identity.
    pub identity: Option<String>,
    /// Its batches by rising sequence.
    pub batches: Vec<KeptBatch>,
}

/// What the folder and the store disagree about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    /// It is not the journal that the store took records of.
    #[error("the store knows another journal of this node: {kept}, and this is {found}")]
    OtherJournal {
        /// The identity in the store.
        kept: String,
        /// That of the folder.
        found: String,
    },
    /// The newest records are not in the folder.
    #[error("the store took records up to {position}, and the journal ends with {last}: its newest are gone")]
    Ahead {
        /// The last record that the store took.
        position: Sequence,
        /// The last one of the folder.
        last: Sequence,
    },
    /// Records that the store is still to take are not in the folder.
    #[error(
        "the store took records up to {position}, and the journal begins with {first}: those between are gone"
    )]
    Gone {
        /// The last record that the store took.
        position: Sequence,
        /// The first one of the folder.
        first: Sequence,
    },
    /// The bytes are not those that the store took.
    #[error(
        "no seal here has the head that the store kept with records {first} to {last}: it took other bytes than these"
    )]
    OtherHead {
        /// The first record of the batch.
        first: Sequence,
        /// The last one.
        last: Sequence,
    },
}

impl Disagreement {
    /// A name for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::OtherJournal { .. } => "other_journal",
            Self::Ahead { .. } => "store_ahead",
            Self::Gone { .. } => "gone",
            Self::OtherHead { .. } => "other_head",
        }
    }
}

/// Compares a folder with what the store had kept before it was looked over, seal by seal as they are passed.
#[derive(Debug)]
pub struct Comparison<'k> {
    kept: &'k KeptJournal,
    /// Which batches' heads were found where they belong.
    is_found: Vec<bool>,
    /// The seal that was passed last.
    before: Option<(Sequence, Head)>,
}

impl<'k> Comparison<'k> {
    /// Begins, before any seal.
    #[must_use]
    pub fn new(kept: &'k KeptJournal) -> Self {
        Self { kept, is_found: vec![false; kept.batches.len()], before: None }
    }

    /// A seal behind record `sequence`. The head of a batch is in the last seal at or before its end, or in one behind it and before
    /// the next batch, as what follows may be no records that are kept in batches.
    pub fn passed(&mut self, sequence: Sequence, head: &Head) {
        self.settle(sequence);
        let behind = self.kept.batches.partition_point(|batch| batch.last < sequence);
        let next = self.kept.batches.get(behind).map_or(Sequence::MAX, |next| next.first);
        if let Some(place) = behind.checked_sub(1).filter(|_| sequence < next) {
            self.find(place, head);
        }
        self.before = Some((sequence, *head));
    }

    /// The last seal at or before the end of each batch that ends before `next` is known.
    fn settle(&mut self, next: Sequence) {
        let Some((sequence, head)) = self.before else { return };
        let begin = self.kept.batches.partition_point(|batch| batch.last < sequence);
        let end = self.kept.batches.partition_point(|batch| batch.last < next);
        for place in begin..end {
            self.find(place, &head);
        }
    }

    fn find(&mut self, place: usize, head: &Head) {
        let is_its = self.kept.batches.get(place).is_some_and(|batch| batch.head.as_ref() == Some(head));
        if let Some(is_found) = self.is_found.get_mut(place).filter(|_| is_its) {
            *is_found = true;
        }
    }

    /// How many batches of the store could be compared with these bytes, and how many could not: those that are here in part or not at
    /// all, and those whose head the store does not have.
    #[must_use]
    pub fn counts(&self, content: &Content) -> (usize, usize) {
        let compared = self.kept.batches.iter().filter(|batch| is_compared(batch, content)).count();
        (compared, self.kept.batches.len() - compared)
    }

    /// What they disagree about, once all seals were passed. Batches of segments that the folder has no more are passed over.
    #[must_use]
    pub fn finish(mut self, content: &Content) -> Vec<Disagreement> {
        self.settle(Sequence::MAX);
        let kept = self.kept;
        let mut found = Vec::new();
        if let (Some(kept), Some(found_here)) = (&kept.identity, &content.identity)
            && kept != found_here
        {
            found.push(Disagreement::OtherJournal { kept: kept.clone(), found: found_here.clone() });
        }
        let (first, last) = (content.segments.first().map(|segment| segment.first), content.last());
        if kept.position > last {
            found.push(Disagreement::Ahead { position: kept.position, last });
        }
        if let Some(first) = first.filter(|first| *first > kept.position.saturating_add(1)) {
            found.push(Disagreement::Gone { position: kept.position, first });
        }
        for (batch, is_found) in kept.batches.iter().zip(&self.is_found) {
            if is_compared(batch, content) && !is_found {
                found.push(Disagreement::OtherHead { first: batch.first, last: batch.last });
            }
        }
        found
    }
}

/// Whether a batch ends in what the folder has, and its head is known.
fn is_compared(batch: &KeptBatch, content: &Content) -> bool {
    let begin = content.segments.first().map_or(Sequence::MAX, |segment| segment.first);
    batch.last >= begin && batch.last <= content.last() && batch.head.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::verify::SegmentContent;

    /// Seals of records 11 to 30, behind each tenth.
    const SEALS: [(Sequence, Head); 3] = [(10, [1; 32]), (20, [2; 32]), (30, [3; 32])];

    /// Records 11 to 30.
    fn content() -> Content {
        let segment = SegmentContent {
            file: "00000000000000000011.segment".to_owned(),
            is_archived: false,
            form: None,
            node: None,
            first: 11,
            last: 30,
            records: 20,
            groups: 2,
            bytes: 0,
            head: None,
        };
        Content { identity: Some("a".to_owned()), segments: vec![segment], findings: Vec::new() }
    }

    fn compare(kept: &KeptJournal) -> Vec<&'static str> {
        let mut comparison = Comparison::new(kept);
        for (sequence, head) in &SEALS {
            comparison.passed(*sequence, head);
        }
        comparison.finish(&content()).iter().map(Disagreement::name).collect()
    }

    #[track_caller]
    fn check(position: Sequence, batches: &[(Sequence, Sequence, Option<u8>)], expected: &[&str]) {
        let batches = batches.iter().map(|(first, last, head)| KeptBatch {
            first: *first,
            last: *last,
            head: head.map(|head| [head; 32]),
        });
        let kept = KeptJournal { position, identity: Some("a".to_owned()), batches: batches.collect() };
        assert_eq!(compare(&kept), expected, "{kept:?}");
    }

    #[test]
    fn each_batch_has_its_head_among_the_seals_that_it_led_to() {
        check(30, &[(11, 20, Some(2)), (21, 30, Some(3))], &[]);
        check(25, &[(11, 15, Some(1)), (16, 25, Some(2))], &[]);
        check(30, &[(11, 18, Some(2)), (21, 28, Some(3))], &[]);
        check(30, &[(1, 9, Some(9)), (11, 20, None)], &[]);
    }

    #[test]
    fn what_was_compared_is_counted_and_nothing_else() {
        let batch = |first, last, head| KeptBatch { first, last, head };
        let known = Some([1; 32]);
        let batches = vec![
            batch(1, 9, known),
            batch(10, 10, known),
            batch(11, 20, known),
            batch(21, 25, None),
            batch(26, 30, known),
            batch(31, 40, known),
        ];
        let kept = KeptJournal { position: 40, identity: None, batches };
        assert_eq!(Comparison::new(&kept).counts(&content()), (2, 4));
    }

    #[test]
    fn other_bytes_and_lost_ones_are_told() {
        check(30, &[(11, 20, Some(9)), (21, 30, Some(3))], &["other_head"]);
        check(30, &[(11, 20, Some(3)), (21, 30, Some(3))], &["other_head"]);
        check(30, &[(11, 20, Some(2)), (21, 30, Some(2))], &["other_head"]);
        check(40, &[(31, 40, Some(4))], &["store_ahead"]);
        check(10, &[(1, 10, Some(1))], &[]);
        check(9, &[(1, 9, Some(1))], &["gone"]);
        let kept = KeptJournal { position: 30, identity: Some("b".to_owned()), batches: Vec::new() };
        assert_eq!(compare(&kept)[0], "other_journal");
    }
}
