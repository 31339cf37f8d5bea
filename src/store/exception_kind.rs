//! What can be wrong with what could not be rated or read: a closed set, and how the store has each.

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExceptionKind {
    /// The evidence could not be read, or is too large to be believed: nothing was charged.
    Evidence,
    /// The plan version is not known: nothing was charged.
    Plan,
    /// The transaction could not be rated, for another reason than those of the mismatches below: the call's fee was charged.
    Transaction,
    /// No sale is known that the transaction is of, or several are: the call's fee was charged.
    Unknown,
    /// The transaction is in another currency than its sale was made in: the call's fee was charged.
    Currency,
    /// The transaction is of another amount than what is known of its sale: the call's fee was charged.
    Amount,
    /// A sale was settled in part, and its rest waits for longer than its plan has it settled within.
    Short,
    /// Records of a journal could not be read at all.
    Journal,
    /// The call's time is not to be believed: nothing was charged.
    Time,
    /// The journal could take no record of calls that were served.
    Omitted,
}

impl ExceptionKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Evidence,
        Self::Plan,
        Self::Transaction,
        Self::Unknown,
        Self::Currency,
        Self::Amount,
        Self::Short,
        Self::Journal,
        Self::Time,
        Self::Omitted,
    ];

    /// The name used in the store and in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Plan => "plan",
            Self::Transaction => "transaction",
            Self::Unknown => "unknown",
            Self::Currency => "currency",
            Self::Amount => "amount",
            Self::Short => "short",
            Self::Journal => "journal",
            Self::Time => "time",
            Self::Omitted => "omitted",
        }
    }

    /// The kind of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it is about the transaction of a call whose units are charged.
    #[must_use]
    pub fn is_of_transaction(self) -> bool {
        match self {
            Self::Transaction | Self::Unknown | Self::Currency | Self::Amount => true,
            Self::Evidence | Self::Plan | Self::Short | Self::Journal | Self::Time | Self::Omitted => false,
        }
    }

    /// The kind that older programs take it for.
    pub(super) fn to_older_programs(self) -> Self {
        match self {
            Self::Time => Self::Evidence,
            Self::Omitted => Self::Journal,
            Self::Unknown | Self::Currency | Self::Amount | Self::Short => Self::Transaction,
            Self::Evidence | Self::Plan | Self::Transaction | Self::Journal => self,
        }
    }

    /// As column `newer_kind` has it.
    pub(super) fn newer(self) -> Option<&'static str> {
        matches!(self, Self::Time | Self::Omitted).then(|| self.name())
    }

    /// As column `class` has it.
    pub(super) fn class(self) -> Option<&'static str> {
        let is_mismatch = matches!(self, Self::Unknown | Self::Currency | Self::Amount | Self::Short);
        is_mismatch.then(|| self.name())
    }
}
