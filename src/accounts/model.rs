//! What accounts and organisations are, and how an organisation's application moves.

use crate::clock::UtcTime;
use crate::error::{Error, Result};
use crate::ids::{AccountId, OrganisationId};
use crate::{text, text_enum};
use serde::{Deserialize, Serialize};

/// What an organisation may owe at most (accepted and not yet paid, and in the vote), until an
/// operator sets another limit: 100,000.00 in a currency of two decimals.
pub const CREDIT_LIMIT_DEFAULT_MINOR: i64 = 10_000_000;

/// Longest reason that an operator gives, in characters.
const REASON_CHARS_MAX: usize = 2_000;

text_enum! {
    /// Which mails about votes a member wants. It is about mails alone: nobody votes by a setting.
    #[derive(Default)]
    pub enum VoteMails {
        /// When a vote opens, to remind, when its deadline is moved, and when it has ended.
        #[default]
        All = "all",
        /// Only to remind who has not voted yet: a day after the opening, and a day before the deadline.
        RemindersOnly = "reminders_only",
    }
}

text_enum! {
    /// What an account is for. One of the three, never two.
    pub enum Role {
        /// Acts for a buyer organisation.
        Buyer = "buyer",
        /// A listener.
        Member = "member",
        /// Runs the service.
        Operator = "operator",
    }
}

text_enum! {
    /// Whether an account may be used.
    pub enum AccountState {
        /// It may.
        Active = "active",
        /// Its holder has left for good.
        Left = "left",
        /// An operator has closed it.
        Disabled = "disabled",
    }
}

text_enum! {
    /// Where an organisation's application stands.
    pub enum OrganisationState {
        /// An operator has yet to read it.
        Pending = "pending",
        /// Sent back with a note: the buyer mends it and hands it in again.
        Returned = "returned",
        /// It may make offers.
        Approved = "approved",
        /// Refused, with a reason and the time from which it may apply again.
        Rejected = "rejected",
    }
}

text_enum! {
    /// What a token sent by e-mail is good for.
    pub enum EmailTokenPurpose {
        /// Shows that the address reaches its holder.
        Verify = "verify",
        /// Lets a new password be set.
        Reset = "reset",
    }
}

impl EmailTokenPurpose {
    /// Seconds from sending until the token is of no more use: three days to verify, an hour to reset.
    pub const fn ttl_s(self) -> i64 {
        match self {
            EmailTokenPurpose::Verify => 3 * 86_400,
            EmailTokenPurpose::Reset => 3_600,
        }
    }
}

/// An account, without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the fields say it
pub struct Account {
    pub id: AccountId,
    pub role: Role,
    pub email: String,
    pub email_verified_at: Option<UtcTime>,
    pub organisation_id: Option<OrganisationId>,
    pub state: AccountState,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

/// A buyer organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the fields say it
pub struct Organisation {
    pub id: OrganisationId,
    pub profile: Profile,
    pub state: OrganisationState,
    pub decision_reason: Option<String>,
    pub decided_by: Option<String>,
    pub decided_at: Option<UtcTime>,
    /// From when a refused organisation may apply again.
    pub may_reapply_at: Option<UtcTime>,
    pub credit_limit_minor: i64,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

/// What a buyer organisation says of itself: what an operator reads before deciding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "legal_name": "Northern Sound Research AB", "country": "SE", "website": "https://northern.example",
    "purpose": "Measuring how listeners find music from small labels.",
    "address": "Storgatan 1\n111 22 Stockholm", "tax_id": "SE556677889901"
}))]
pub struct Profile {
    /// Its name in the register: one line of 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub legal_name: String,
    /// Where it is registered: ISO 3166-1 alpha-2, in capitals.
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: String,
    /// Its site, beginning with https:// or http://: one line of at most 200 characters.
    #[schema(min_length = 1, max_length = 200, pattern = "^https?://")]
    pub website: String,
    /// What it wants the data for, 10 to 4,000 characters.
    #[schema(min_length = 10, max_length = 4000)]
    pub purpose: String,
    /// Its postal address, as it is to stand on invoices: 5 to 500 characters, in lines.
    #[schema(min_length = 5, max_length = 500)]
    pub address: String,
    /// Its tax number, one line of at most 64 characters; empty where it has none.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub tax_id: String,
}

/// What an operator decides about an organisation. The buyer is told the reason.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
#[schema(example = json!({
    "outcome": "return", "reason": "Please name the people who will have access.", "as_of": "2026-01-08T12:00:00Z"
}))]
pub enum Decision {
    /// It may make offers.
    #[schema(title = "Approval")]
    Approve {
        /// Why, 1 to 2,000 characters.
        #[schema(min_length = 1, max_length = 2000)]
        reason: String,
        /// The `updated_at` of the application as it was read; where it has changed since, this is refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        as_of: Option<UtcTime>,
    },
    /// It is to mend its application.
    #[schema(title = "Return")]
    Return {
        /// What is to be mended, 1 to 2,000 characters.
        #[schema(min_length = 1, max_length = 2000)]
        reason: String,
        /// The `updated_at` of the application as it was read; where it has changed since, this is refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        as_of: Option<UtcTime>,
    },
    /// It may not make offers, or no longer.
    #[schema(title = "Rejection")]
    Reject {
        /// Why not, 1 to 2,000 characters.
        #[schema(min_length = 1, max_length = 2000)]
        reason: String,
        /// From when it may apply again.
        may_reapply_at: UtcTime,
        /// The `updated_at` of the application as it was read; where it has changed since, this is refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        as_of: Option<UtcTime>,
    },
}

impl Decision {
    /// The state that the organisation comes into.
    pub const fn state(&self) -> OrganisationState {
        match self {
            Decision::Approve { .. } => OrganisationState::Approved,
            Decision::Return { .. } => OrganisationState::Returned,
            Decision::Reject { .. } => OrganisationState::Rejected,
        }
    }

    /// The states from which this may be decided.
    pub const fn allowed_from(&self) -> &'static [OrganisationState] {
        match self {
            Decision::Approve { .. } => &[OrganisationState::Pending],
            // An approved one whose details have changed is returned, and makes no offers until it is approved anew.
            Decision::Return { .. } | Decision::Reject { .. } => {
                &[OrganisationState::Pending, OrganisationState::Approved]
            }
        }
    }

    /// The name of the act in the audit log.
    pub const fn act(&self) -> &'static str {
        match self {
            Decision::Approve { .. } => "organisation.approve",
            Decision::Return { .. } => "organisation.return",
            Decision::Reject { .. } => "organisation.reject",
        }
    }

    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Decision::Approve { reason, .. } | Decision::Return { reason, .. } | Decision::Reject { reason, .. } => {
                reason
            }
        }
    }

    /// When the application that was read had been changed last, where the operator says so.
    pub const fn as_of(&self) -> Option<UtcTime> {
        match self {
            Decision::Approve { as_of, .. } | Decision::Return { as_of, .. } | Decision::Reject { as_of, .. } => *as_of,
        }
    }

    /// From when a refused organisation may apply again.
    pub const fn may_reapply_at(&self) -> Option<UtcTime> {
        match self {
            Decision::Reject { may_reapply_at, .. } => Some(*may_reapply_at),
            _ => None,
        }
    }

    /// Checks that a reason is given.
    ///
    /// # Errors
    /// `invalid` where it is not.
    pub fn check(&self) -> Result<()> {
        reason(self.reason())
    }
}

/// Checks a reason that an operator gives.
///
/// # Errors
/// `invalid` where it is empty, blank or too long.
pub fn reason(text: &str) -> Result<()> {
    within(text.trim(), 1, REASON_CHARS_MAX, "reason")
}

impl Organisation {
    /// Whether the buyer may hand in its application (again) now.
    ///
    /// # Errors
    /// `conflict` where it is approved already, or refused and too early.
    pub fn may_hand_in(&self, now: UtcTime) -> Result<()> {
        match (self.state, self.may_reapply_at) {
            (OrganisationState::Pending | OrganisationState::Returned, _) => Ok(()),
            (OrganisationState::Rejected, Some(from)) if now >= from => Ok(()),
            (OrganisationState::Rejected, from) => Err(Error::conflict(match from {
                Some(from) => format!("The application was refused; it may be handed in again from {from} on."),
                None => "The application was refused.".to_owned(),
            })),
            (OrganisationState::Approved, _) => Err(Error::conflict(
                "An approved organisation's details stand in its contracts; ask the operator to return the application, and \
                 hand it in again.",
            )),
        }
    }
}

impl Profile {
    /// Checks every field and takes blanks at the ends away.
    ///
    /// # Errors
    /// `invalid`, naming the field and what it should be.
    pub fn checked(self) -> Result<Self> {
        let trimmed = |text: String| text.trim().to_owned();
        let profile = Profile {
            legal_name: trimmed(self.legal_name),
            country: trimmed(self.country),
            website: trimmed(self.website),
            purpose: trimmed(self.purpose),
            address: trimmed(self.address),
            tax_id: trimmed(self.tax_id),
        };
        let holds = |holds: bool, words: &str| if holds { Ok(()) } else { Err(Error::invalid(words)) };
        let checks = [
            one_line(&profile.legal_name, 1, 200, "legal_name"),
            holds(is_country(&profile.country), "country is an ISO 3166-1 alpha-2 code in capitals, like SE."),
            one_line(&profile.website, 1, 200, "website"),
            holds(is_website(&profile.website), "website begins with https:// or http:// and names a host."),
            within(&profile.purpose, 10, 4_000, "purpose"),
            within(&profile.address, 5, 500, "address"),
            one_line(&profile.tax_id, 0, 64, "tax_id"),
        ];
        // All at once, so that nobody mends one field after the other.
        let problems: Vec<String> = checks.into_iter().filter_map(Result::err).map(|e| e.detail().to_owned()).collect();
        if problems.is_empty() { Ok(profile) } else { Err(Error::invalid(problems.join(" "))) }
    }
}

/// An e-mail address: trimmed, in small letters, at most 254 bytes, with a form that mail can be sent to:
/// what stands after the @ is a name with a dot, and neither a machine on this network nor a bare address of one.
///
/// # Errors
/// `invalid` where it has not.
pub fn email(text: &str) -> Result<String> {
    let text = text.trim().to_lowercase();
    let address = text.parse::<lettre::Address>().ok().filter(|_| text.len() <= 254);
    let address = address.ok_or_else(|| Error::invalid("email is not an e-mail address."))?;
    let domain = address.domain();
    if domain.starts_with('[') || !domain.contains('.') || domain.split('.').any(str::is_empty) {
        return Err(Error::invalid(
            "email is an address that no mail reaches from here: give one like ada@example.org.",
        ));
    }
    Ok(text)
}

fn within(text: &str, least: usize, most: usize, what: &str) -> Result<()> {
    if text::is_plain(text) && (least..=most).contains(&text.chars().count()) {
        return Ok(());
    }
    Err(Error::invalid(format!("{what} is a text of {least} to {most} characters without control characters.")))
}

fn one_line(text: &str, least: usize, most: usize, what: &str) -> Result<()> {
    if text.contains('\n') {
        return Err(Error::invalid(format!("{what} is a single line.")));
    }
    within(text, least, most, what)
}

fn is_website(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    !text.contains(char::is_whitespace) && host.contains('.') && !host.starts_with('.') && !host.contains('@')
}

/// The domain that is an organisation's own: its website's and its e-mail address's, where one is the other or lies below it.
/// Nothing for an address at a mail provider, which belongs to everybody.
pub fn own_domain(website: &str, email: &str) -> Option<String> {
    let host = website.split_once("://")?.1.split(['/', '?', '#', ':']).next()?.to_lowercase();
    let host = host.trim_start_matches("www.");
    let of_mail = email.rsplit_once('@')?.1;
    let is_below = |lower: &str, upper: &str| lower == upper || lower.ends_with(&format!(".{upper}"));
    if is_below(of_mail, host) {
        Some(host.to_owned())
    } else if is_below(host, of_mail) {
        Some(of_mail.to_owned())
    } else {
        None
    }
}

/// Whether a text is one of the officially assigned codes of ISO 3166-1 alpha-2.
pub fn is_country(text: &str) -> bool {
    text.len() == 2 && COUNTRIES.split_ascii_whitespace().any(|code| code == text)
}

const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI \
    FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR \
    IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM \
    MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT \
    PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisations_own_domain_is_that_of_its_website_and_its_mail() {
        for (website, email, own) in [
            ("https://northwind.example", "a@northwind.example", Some("northwind.example")),
            ("https://www.Northwind.example:8443/about?x=1", "a@northwind.example", Some("northwind.example")),
            ("https://northwind.example/", "a@mail.northwind.example", Some("northwind.example")),
            ("https://radio.northwind.example", "a@northwind.example", Some("northwind.example")),
            ("https://northwind.example", "a@mail.example", None),
            ("https://northwind.example", "a@southwind.example", None),
            ("https://northwind.example", "a@evilnorthwind.example", None),
        ] {
            assert_eq!(own_domain(website, email).as_deref(), own, "{website} and {email}");
        }
    }

    fn profile() -> Profile {
        Profile {
            legal_name: " Northern Sound Research AB ".into(),
            country: "SE".into(),
            website: "https://northern.example/about".into(),
            purpose: "Measuring how listeners find music.".into(),
            address: "Storgatan 1\n111 22 Stockholm".into(),
            tax_id: String::new(),
        }
    }

    #[test]
    fn a_profile_is_trimmed_and_each_bad_field_is_named() {
        assert_eq!(profile().checked().unwrap().legal_name, "Northern Sound Research AB");
        type Spoil = fn(&mut Profile);
        let bad: [(&str, Spoil); 8] = [
            ("legal_name", |p| p.legal_name = "  ".into()),
            ("legal_name", |p| p.legal_name = "A\nBcc: x@y.example".into()),
            ("country", |p| p.country = "se".into()),
            ("country", |p| p.country = "XX".into()),
            ("website", |p| p.website = "javascript:alert(1)".into()),
            ("purpose", |p| p.purpose = "data".into()),
            ("address", |p| p.address = "\u{0}\u{0}\u{0}\u{0}\u{0}".into()),
            ("tax_id", |p| p.tax_id = "9".repeat(65)),
        ];
        for (field, spoil) in bad {
            let mut spoilt = profile();
            spoil(&mut spoilt);
            assert!(spoilt.checked().unwrap_err().detail().starts_with(field), "{field}");
        }
    }

    #[test]
    fn addresses_compare_in_small_letters() {
        assert_eq!(email(" Ada@Example.ORG ").unwrap(), "ada@example.org");
        for bad in ["", "ada", "ada@", "@example.org", "a b@example.org", "a@b.example\nBcc: c@d.example"] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
        for unreachable in ["a@[127.0.0.1]", "a@[IPv6:::1]", "a@localhost", "a@example.", "a@.example"] {
            assert!(email(unreachable).is_err(), "{unreachable:?}");
        }
        assert!(email(&format!("{}@example.org", "a".repeat(250))).is_err());
    }

    #[test]
    fn every_decision_has_the_states_it_may_come_from() {
        use OrganisationState as S;
        let may_reapply_at = UtcTime::from_unix_s(0).unwrap();
        let decisions = [
            (Decision::Approve { reason: "r".into(), as_of: None }, vec![S::Pending]),
            (Decision::Return { reason: "r".into(), as_of: None }, vec![S::Pending, S::Approved]),
            (Decision::Reject { reason: "r".into(), may_reapply_at, as_of: None }, vec![S::Pending, S::Approved]),
        ];
        for (decision, allowed) in decisions {
            for state in S::ALL {
                assert_eq!(decision.allowed_from().contains(state), allowed.contains(state), "{decision:?} {state}");
            }
        }
        assert!(Decision::Approve { reason: String::new(), as_of: None }.check().is_err());
    }

    #[test]
    fn there_are_249_countries() {
        assert_eq!(COUNTRIES.split_ascii_whitespace().count(), 249);
        assert!(is_country("DE") && !is_country("D") && !is_country("EU") && !is_country("E S"));
    }
}
