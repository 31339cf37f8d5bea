//! Compares a journal's folder with what a store kept as it took its records: the heads of the chain prove which bytes those were,
//! and how far the journal had come. A folder may have any number of batches: only those near the seal that is passed are in memory.

use std::collections::VecDeque;

use super::chain::Head;
use super::frame::Sequence;
use super::verify::Content;

/// Most batches of other bytes that are told one by one.
const MOST_TOLD: usize = 1000;

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
}

/// Gives batches by rising sequence, of those whose last record comes after the one that it is given: some of them, or none if there are
/// no more.
pub type Batches<'k> = dyn FnMut(Sequence) -> Vec<KeptBatch> + 'k;

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
    /// The same of more batches than are told one by one.
    #[error("nor has any seal here the head that the store kept with {batches} batches more")]
    OtherHeads {
        /// How many more.
        batches: usize,
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
            Self::OtherHead { .. } | Self::OtherHeads { .. } => "other_head",
        }
    }
}

/// Compares a folder with what the store kept, seal by seal as they are passed.
pub struct Comparison<'k> {
    kept: &'k KeptJournal,
    batches: &'k mut Batches<'k>,
    /// The last record of those that were asked for.
    asked: Sequence,
    has_all: bool,
    /// Those of which a seal that is to come may have the head, and whether one had it that was passed.
    near: VecDeque<(KeptBatch, bool)>,
    /// The seal that was passed last.
    before: Option<(Sequence, Head)>,
    compared: Compared,
    /// The first of those whose head no seal had.
    not_found: Vec<KeptBatch>,
    /// How many more there are.
    untold: usize,
}

/// What a comparison came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// What folder and store disagree about.
    pub disagreements: Vec<Disagreement>,
    /// How many batches of the store could be compared with these bytes.
    pub batches: usize,
    /// How many could not: those that end behind the folder's last record, and those whose head the store does not have.
    pub passed_over: usize,
}

impl<'k> Comparison<'k> {
    /// Begins, before any seal, for a folder whose first record is `first`.
    #[must_use]
    pub fn new(kept: &'k KeptJournal, first: Sequence, batches: &'k mut Batches<'k>) -> Self {
        Self {
            kept,
            batches,
            asked: first.saturating_sub(1),
            has_all: false,
            near: VecDeque::new(),
            before: None,
            compared: Compared::default(),
            not_found: Vec::new(),
            untold: 0,
        }
    }

    /// A seal behind record `sequence`. The head of a batch is in the last seal at or before its end, or in one behind it and before
    /// the next batch, as what follows may be no records that are kept in batches.
    pub fn passed(&mut self, sequence: Sequence, head: &Head) {
        while !self.has_all && self.near.back().is_none_or(|(batch, _)| batch.last < sequence) {
            self.ask();
        }
        self.settle(sequence);
        let behind = self.near.partition_point(|(batch, _)| batch.last < sequence);
        let next = self.near.get(behind).map_or(Sequence::MAX, |(next, _)| next.first);
        let last = behind.checked_sub(1).filter(|_| sequence < next);
        if let Some((batch, is_found)) = last.and_then(|place| self.near.get_mut(place)) {
            *is_found |= batch.head.as_ref() == Some(head);
        }
        self.before = Some((sequence, *head));
        // No seal that is to come is that of one before the last.
        for _ in 1..behind {
            if let Some((batch, is_found)) = self.near.pop_front() {
                self.conclude(batch, is_found);
            }
        }
    }

    fn ask(&mut self) {
        let more = (self.batches)(self.asked);
        match more.last() {
            Some(last) => self.asked = last.last,
            None => self.has_all = true,
        }
        self.near.extend(more.into_iter().map(|batch| (batch, false)));
    }

    /// The last seal at or before the end of each batch that ends before `next` is known.
    fn settle(&mut self, next: Sequence) {
        let Some((sequence, head)) = self.before else { return };
        let from = self.near.partition_point(|(batch, _)| batch.last < sequence);
        let to = self.near.partition_point(|(batch, _)| batch.last < next);
        for (batch, is_found) in self.near.range_mut(from..to.max(from)) {
            *is_found |= batch.head.as_ref() == Some(&head);
        }
    }

    fn conclude(&mut self, batch: KeptBatch, is_found: bool) {
        if batch.head.is_none() {
            self.compared.passed_over += 1;
            return;
        }
        self.compared.batches += 1;
        if !is_found && self.not_found.len() < MOST_TOLD {
            self.not_found.push(batch);
        } else if !is_found {
            self.untold += 1;
        }
    }

    /// What it came to, once all seals were passed. Batches of segments that the folder has no more are passed over.
    #[must_use]
    pub fn finish(mut self, content: &Content) -> Compared {
        let (first, last) = (content.segments.first().map(|segment| segment.first), content.last());
        loop {
            self.settle(Sequence::MAX);
            for (batch, is_found) in std::mem::take(&mut self.near) {
                match batch.last <= last {
                    true => self.conclude(batch, is_found),
                    false => self.compared.passed_over += 1,
                }
            }
            if self.has_all {
                break;
            }
            self.ask();
        }
        let Self { kept, mut compared, not_found, untold, .. } = self;
        let found = &mut compared.disagreements;
        if let (Some(kept), Some(found_here)) = (&kept.identity, &content.identity)
            && kept != found_here
        {
            found.push(Disagreement::OtherJournal { kept: kept.clone(), found: found_here.clone() });
        }
        if kept.position > last {
            found.push(Disagreement::Ahead { position: kept.position, last });
        }
        if let Some(first) = first.filter(|first| *first > kept.position.saturating_add(1)) {
            found.push(Disagreement::Gone { position: kept.position, first });
        }
        let here = not_found.into_iter().filter(|batch| first.is_some_and(|first| batch.last >= first));
        found.extend(here.map(|batch| Disagreement::OtherHead { first: batch.first, last: batch.last }));
        if untold > 0 {
            found.push(Disagreement::OtherHeads { batches: untold });
        }
        compared
    }
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

    fn compare(kept: &KeptJournal, batches: &[KeptBatch]) -> Compared {
        // Two at a time.
        let mut more =
            |after: Sequence| batches.iter().filter(|batch| batch.last > after).take(2).copied().collect();
        let mut comparison = Comparison::new(kept, 11, &mut more);
        for (sequence, head) in &SEALS {
            comparison.passed(*sequence, head);
        }
        comparison.finish(&content())
    }

    fn names(compared: &Compared) -> Vec<&'static str> {
        compared.disagreements.iter().map(Disagreement::name).collect()
    }

    #[track_caller]
    fn check(position: Sequence, batches: &[(Sequence, Sequence, Option<u8>)], expected: &[&str]) {
        let batches = batches.iter().map(|(first, last, head)| KeptBatch {
            first: *first,
            last: *last,
            head: head.map(|head| [head; 32]),
        });
        let (kept, batches) =
            (KeptJournal { position, identity: Some("a".to_owned()) }, batches.collect::<Vec<_>>());
        assert_eq!(names(&compare(&kept, &batches)), expected, "{kept:?} {batches:?}");
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
        let compared = compare(&KeptJournal { position: 40, identity: None }, &batches);
        assert_eq!(
            (compared.batches, compared.passed_over),
            (2, 2),
            "those before the folder's first are not asked for"
        );
    }

    #[test]
    fn of_many_batches_of_other_bytes_the_first_are_told_and_the_others_counted() {
        let kept = KeptJournal { position: 30, identity: None };
        let last = u64::try_from(MOST_TOLD).unwrap() + 11;
        let mut more = |after: Sequence| {
            (after + 1..=last)
                .take(500)
                .map(|last| KeptBatch { first: last, last, head: Some([9; 32]) })
                .collect()
        };
        let mut comparison = Comparison::new(&kept, 11, &mut more);
        for sequence in 10..=last {
            comparison.passed(sequence, &[1; 32]);
        }
        let mut content = content();
        content.segments[0].last = last;
        let compared = comparison.finish(&content);
        assert_eq!(compared.batches, MOST_TOLD + 1);
        assert_eq!(compared.disagreements.len(), MOST_TOLD + 1);
        assert_eq!(compared.disagreements.last(), Some(&Disagreement::OtherHeads { batches: 1 }));
    }

    #[test]
    fn other_bytes_and_lost_ones_are_told() {
        check(30, &[(11, 20, Some(9)), (21, 30, Some(3))], &["other_head"]);
        check(30, &[(11, 20, Some(3)), (21, 30, Some(3))], &["other_head"]);
        check(30, &[(11, 20, Some(2)), (21, 30, Some(2))], &["other_head"]);
        check(40, &[(31, 40, Some(4))], &["store_ahead"]);
        check(10, &[(1, 10, Some(1))], &[]);
        check(9, &[(1, 9, Some(1))], &["gone"]);
        let kept = KeptJournal { position: 30, identity: Some("b".to_owned()) };
        assert_eq!(names(&compare(&kept, &[]))[0], "other_journal");
    }
}
