//! The licence: the entitlement itself. Downloads hang on this row and on nothing else, as often as
//! the holder likes until it ends.

use crate::clock::UtcTime;
use crate::datasets::recall::Recalled;
use crate::db::schema::licences;
use crate::error::{Code, Error, Result};
use crate::ids::{DatasetId, EditionId, LicenceId, OfferId, OrganisationId, PurchaseId};
use crate::offers::terms::Terms;
use crate::text_enum;
use diesel::prelude::{Queryable, Selectable};

text_enum! {
    /// Where a licence stands.
    pub enum LicenceState {
        /// Paid; the edition is still to be drawn. The term has not begun.
        Preparing = "preparing",
        /// The files may be downloaded.
        Active = "active",
        /// The edition was recalled, and what replaces it is not there yet. No file may be downloaded, and the term stands still.
        Suspended = "suspended",
        /// The term is over.
        Expired = "expired",
        /// Taken away on one of the grounds of the terms.
        Revoked = "revoked",
        /// Given up before the files were there, because they cannot be made. All of the price goes back.
        Cancelled = "cancelled",
        /// Over, because the edition was recalled and is not replaced. What is owed for it goes back.
        Recalled = "recalled",
    }
}

impl LicenceState {
    /// The states from which a licence may come to this one. Everything else is refused.
    pub const fn allowed_from(self) -> &'static [LicenceState] {
        match self {
            LicenceState::Preparing => &[],
            LicenceState::Active => &[LicenceState::Preparing, LicenceState::Suspended],
            LicenceState::Suspended | LicenceState::Expired => &[LicenceState::Active],
            LicenceState::Revoked | LicenceState::Recalled => &[LicenceState::Active, LicenceState::Suspended],
            LicenceState::Cancelled => &[LicenceState::Preparing],
        }
    }

    /// States in which a licence is held: it can be used, or will be again.
    pub const HELD: &'static [LicenceState] = &[LicenceState::Active, LicenceState::Suspended];
}

/// A licence.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = licences)]
pub struct Licence {
    /// Its id.
    pub id: LicenceId,
    /// What was paid for it.
    pub purchase_id: PurchaseId,
    /// The offer that it fulfils.
    pub offer_id: OfferId,
    /// Who holds it.
    pub organisation_id: OrganisationId,
    /// The dataset.
    pub dataset_id: DatasetId,
    /// The edition.
    pub edition_id: Option<EditionId>,
    /// Where it stood when it was last written. [`Licence::state_at`] says where it stands.
    pub state: LicenceState,
    /// The terms, byte for byte as the members accepted them.
    pub terms_json: String,
    /// Their SHA-256, in hex.
    pub terms_hash: String,
    /// When it was paid.
    pub granted_at: UtcTime,
    /// When the files were there first: the term counts from here.
    pub starts_at: Option<UtcTime>,
    /// When the term is over.
    pub ends_at: Option<UtcTime>,
    /// Why it is or will be taken away, or was cancelled. Set while the state is `active` or `suspended`, it is a notice.
    pub revoked_reason: Option<String>,
    /// When it has ended, or, after a notice, will have.
    pub ended_at: Option<UtcTime>,
}

impl Licence {
    /// The terms.
    ///
    /// # Errors
    /// `internal` where the stored text is damaged.
    pub fn terms(&self) -> Result<Terms> {
        Terms::read(&self.terms_json)
    }

    /// From when a notice takes the licence away, if one was given.
    pub fn revoked_from(&self) -> Option<UtcTime> {
        self.revoked_reason.as_ref().and(self.ended_at)
    }

    /// When it ended, if it has by now.
    pub fn ended_before(&self, now: UtcTime) -> Option<UtcTime> {
        self.ended_at.filter(|ended_at| *ended_at <= now)
    }

    /// When the clock alone ends it: the end of a notice, or of the term, whichever is sooner.
    pub fn next_end(&self) -> Option<UtcTime> {
        [self.revoked_from(), self.ends_at].into_iter().flatten().min()
    }

    /// Where it stands at an instant. The clock ends a licence, not the job that notes the end later. While it is suspended its term
    /// stands still, but a notice runs on.
    pub fn state_at(&self, now: UtcTime) -> LicenceState {
        match (self.state, self.next_end()) {
            (LicenceState::Suspended, _) if self.revoked_from().is_some_and(|from| from <= now) => {
                LicenceState::Revoked
            }
            (LicenceState::Active, Some(end)) if end <= now && self.revoked_from() == Some(end) => {
                LicenceState::Revoked
            }
            (LicenceState::Active, Some(end)) if end <= now => LicenceState::Expired,
            (state, _) => state,
        }
    }
}

/// Whether a licence may be used at an instant; `recalled` is the recall of its edition, if there is one.
///
/// # Errors
/// `licence-preparing`, `licence-revoked` and `licence-cancelled` with the reason, `licence-expired` with the time, `edition-recalled`
/// with the reason and what replaces it.
pub fn usable(licence: &Licence, recalled: Option<&Recalled>, now: UtcTime) -> Result<()> {
    let recall = || recalled.map_or_else(|| "The edition was recalled.".to_owned(), Recalled::in_words);
    match licence.state_at(now) {
        LicenceState::Active => Ok(()),
        LicenceState::Suspended => {
            let next = "A mail tells when it is there; the licence then lasts longer by the time without files.";
            Err(Error::new(Code::EditionRecalled, format!("{} {next}", recall())))
        }
        LicenceState::Recalled => {
            Err(Error::new(Code::EditionRecalled, format!("{} The licence has ended with it.", recall())))
        }
        LicenceState::Preparing => Err(Error::new(
            Code::LicencePreparing,
            "The edition is drawn after the payment, and its files are not there yet; a mail tells when they are, and the term begins only then.",
        )),
        LicenceState::Revoked => {
            let reason = licence.revoked_reason.as_deref().unwrap_or("No reason was kept.");
            Err(Error::new(Code::LicenceRevoked, format!("The licence was revoked. {reason}")))
        }
        LicenceState::Cancelled => {
            let reason = licence.revoked_reason.as_deref().unwrap_or("No reason was kept.");
            let detail = format!("The licence was cancelled, and what was paid goes back. {reason}");
            Err(Error::new(Code::LicenceCancelled, detail))
        }
        LicenceState::Expired => {
            let when = licence.ends_at.map_or(String::new(), |at| format!(" at {at}"));
            Err(Error::new(Code::LicenceExpired, format!("The licence ended{when}; a new offer gives a new one.")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Entropy;

    fn at(s: i64) -> UtcTime {
        UtcTime::from_unix_s(s).unwrap()
    }

    fn licence(state: LicenceState) -> Licence {
        let (now, entropy) = (at(0), Entropy::seeded(1));
        Licence {
            id: LicenceId::new(now, &entropy),
            purchase_id: PurchaseId::new(now, &entropy),
            offer_id: OfferId::new(now, &entropy),
            organisation_id: OrganisationId::new(now, &entropy),
            dataset_id: DatasetId::new(now, &entropy),
            edition_id: None,
            state,
            terms_json: "{}".into(),
            terms_hash: String::new(),
            granted_at: now,
            starts_at: Some(now),
            ends_at: Some(at(100)),
            revoked_reason: None,
            ended_at: None,
        }
    }

    fn code(licence: &Licence, now_s: i64) -> Option<Code> {
        usable(licence, None, at(now_s)).err().map(|error| error.code())
    }

    #[test]
    fn the_clock_ends_a_licence_not_the_job_that_notes_it() {
        let active = licence(LicenceState::Active);
        assert_eq!(code(&active, 99), None);
        assert_eq!(code(&active, 100), Some(Code::LicenceExpired));
        assert_eq!(code(&licence(LicenceState::Expired), 5), Some(Code::LicenceExpired));
        assert_eq!(code(&licence(LicenceState::Preparing), 5), Some(Code::LicencePreparing));
    }

    #[test]
    fn a_notice_leaves_time_and_then_counts() {
        let reason = Some("Breach of these terms: rows were published.".to_owned());
        let noticed = Licence { revoked_reason: reason, ended_at: Some(at(50)), ..licence(LicenceState::Active) };
        assert_eq!(code(&noticed, 49), None);
        assert_eq!(code(&noticed, 50), Some(Code::LicenceRevoked));
        assert_eq!(noticed.next_end(), Some(at(50)));
        let late = Licence { ended_at: Some(at(150)), ..noticed.clone() };
        assert_eq!(code(&late, 160), Some(Code::LicenceExpired), "the term was over before the notice was");
        assert!(usable(&noticed, None, at(50)).unwrap_err().detail().contains("rows were published"));
        assert_eq!(code(&Licence { state: LicenceState::Revoked, ..noticed }, 200), Some(Code::LicenceRevoked));
    }

    #[test]
    fn while_it_is_suspended_the_term_stands_still_and_a_notice_runs_on() {
        let suspended = licence(LicenceState::Suspended);
        assert_eq!(code(&suspended, 99), Some(Code::EditionRecalled));
        assert_eq!(suspended.state_at(at(1_000)), LicenceState::Suspended, "the term was over at 100");
        let reason = Some("Breach of these terms.".to_owned());
        let noticed = Licence { revoked_reason: reason, ended_at: Some(at(50)), ..suspended };
        assert_eq!(code(&noticed, 49), Some(Code::EditionRecalled));
        assert_eq!(code(&noticed, 50), Some(Code::LicenceRevoked));
        assert_eq!(code(&licence(LicenceState::Recalled), 5), Some(Code::EditionRecalled));
    }

    /// Every state against every other: the table is written out once more, by hand.
    #[test]
    fn a_licence_only_goes_forward() {
        use LicenceState::{Active, Cancelled, Expired, Preparing, Recalled, Revoked, Suspended};
        let allowed = [
            (Preparing, Active),
            (Preparing, Cancelled),
            (Active, Suspended),
            (Active, Expired),
            (Active, Revoked),
            (Active, Recalled),
            (Suspended, Active),
            (Suspended, Revoked),
            (Suspended, Recalled),
        ];
        for &from in LicenceState::ALL {
            for &to in LicenceState::ALL {
                assert_eq!(to.allowed_from().contains(&from), allowed.contains(&(from, to)), "{from} to {to}");
            }
        }
    }
}
