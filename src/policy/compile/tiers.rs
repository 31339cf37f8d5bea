//! Shares by the net amount of many sales, in `plans/*.yaml`.

use std::sync::Arc;

use super::super::file::shares::{AcrossName, OverName, PayerName, ShareEntry, TierEntry};
use super::shares::One;
use crate::domain::share::{Receiver, ShareRate};
use crate::domain::tiers::{Across, Over, TierBand, TierError, TierTerms, Tiers, Walk};

impl One<'_, '_, '_> {
    /// What is taken of many sales together.
    pub(super) fn tiers(
        &mut self,
        entry: &ShareEntry,
        (walk, bands): (Walk, &[TierEntry]),
    ) -> Option<ShareRate> {
        self.refuse_terms_of_each(entry);
        let is_of_each = self.refuse_parties_of_each(entry);
        let part = match walk {
            Walk::Graduated => "graduated",
            Walk::Volume => "volume",
        };
        let bands: Vec<Option<TierBand>> = bands
            .iter()
            .enumerate()
            .map(|(index, band)| self.band(&format!("{part}/{index}"), band))
            .collect();
        let floor = self.amount("period_floor", entry.period_floor.as_ref());
        let cap = self.amount("period_cap", entry.period_cap.as_ref());
        let terms = TierTerms {
            walk,
            bands: bands.into_iter().collect::<Option<_>>()?,
            over: match entry.over {
                None | Some(OverName::Month) => Over::Month,
                Some(OverName::Lifetime) => Over::Lifetime,
            },
            across: match entry.across {
                None | Some(AcrossName::App) => Across::App,
                Some(AcrossName::Partner) => Across::Partner,
            },
            floor: floor?,
            cap: cap?,
        };
        let tiers = Tiers::new(terms, self.currency).map_err(|error| self.tell(part, &error));
        tiers.ok().filter(|_| !is_of_each).map(|tiers| ShareRate::Tiers(Arc::new(tiers)))
    }

    fn band(&mut self, part: &str, entry: &TierEntry) -> Option<TierBand> {
        let up_to = self.amount(&format!("{part}/up_to"), entry.up_to.as_ref());
        let percent = self.percent(&format!("{part}/percent"), &entry.percent);
        Some(TierBand { up_to: up_to?, percent: percent? })
    }

    fn tell(&mut self, part: &str, error: &TierError) {
        let of_band = |place: &usize, field: &str| format!("{part}/{}/{field}", place.saturating_sub(1));
        let (place, help) = match error {
            TierError::Percent(_) | TierError::NoBand => {
                (part.to_owned(), "write it like [{up_to: 1000000.00, percent: 2.5}, {percent: 2}]")
            }
            TierError::Endless(place) => (of_band(place, "percent"), "give it an up_to, or put it last"),
            TierError::LastEnds(place) => {
                (of_band(place, "up_to"), "add a band behind it without up_to, or leave up_to out")
            }
            TierError::Disordered(place) => {
                (of_band(place, "up_to"), "put the bands in the order of their up_to")
            }
            TierError::Bounds => ("period_floor".to_owned(), "make it smaller, or leave one of them out"),
        };
        self.wrong(&place, error.to_string(), Some(help.to_owned()));
    }

    /// What bounds each sale would come to another sum in another order: the bands' would be of what others gave before.
    fn refuse_terms_of_each(&mut self, entry: &ShareEntry) {
        let message = "bands price the net amount of many sales: what bounds each of these would make the sum hang on their order";
        let terms = [
            ("fixed", entry.fixed.is_some(), "leave it out, or make it part of the bands' percent"),
            ("floor", entry.floor.is_some(), "write period_floor, which is for all of them together"),
            ("cap", entry.cap.is_some(), "write period_cap, which is for all of them together"),
        ];
        for (part, _, help) in terms.into_iter().filter(|(_, is_there, _)| *is_there) {
            self.wrong(part, message.to_owned(), Some(help.to_owned()));
        }
    }

    /// What one sale moves by bands is of the others, too, which may be for other merchants and parties: it is owed and given among those
    /// who are the same for all of them. Gives whether anything was refused.
    fn refuse_parties_of_each(&mut self, entry: &ShareEntry) -> bool {
        let mut is_refused = false;
        let message = "bands price the net amount of many sales, each of which may have another";
        if let Some(PayerName::Merchant) = entry.paid_by {
            let help =
                "leave it out: the partner owes what bands take; or write percent in the place of the bands";
            self.wrong("paid_by", format!("{message} merchant"), Some(help.to_owned()));
            is_refused = true;
        }
        for name in entry.split.iter().filter(|(_, weight)| **weight > 0).map(|(name, _)| name) {
            let of_each = match Receiver::named(name) {
                None | Some(Receiver::Platform | Receiver::Partner) => continue,
                Some(Receiver::Merchant) => "merchant".to_owned(),
                Some(Receiver::Named(party)) => party.to_string(),
            };
            let help = "split it between platform and partner, or write percent in the place of the bands";
            self.wrong(&format!("split/{name}"), format!("{message} {of_each}"), Some(help.to_owned()));
            is_refused = true;
        }
        is_refused
    }

    /// What is of many sales together says nothing about each.
    pub(super) fn refuse_terms_of_tiers(&mut self, entry: &ShareEntry) {
        let alone = "write graduated or volume in the place of percent, or leave this out";
        let terms = [
            ("over", entry.over.is_some(), alone),
            ("across", entry.across.is_some(), alone),
            (
                "period_floor",
                entry.period_floor.is_some(),
                "write floor, which is for each sale, or leave this out",
            ),
            (
                "period_cap",
                entry.period_cap.is_some(),
                "write cap, which is for each sale, or leave this out",
            ),
        ];
        for (part, _, help) in terms.into_iter().filter(|(_, is_there, _)| *is_there) {
            let message = "a percentage of each sale sums up nothing".to_owned();
            self.wrong(part, message, Some(help.to_owned()));
        }
    }
}
