//! Typed, prefixed ids: `offer_01jd…`, the TypeID form (a prefix, `_`, and a UUIDv7 of RFC 9562
//! section 5.7 in 26 letters of Crockford's base 32). They sort by the time they were made and tell
//! it; they are names, not secrets.

use crate::clock::{Entropy, UtcTime};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The 26 letters of a new UUIDv7: 48 bits of milliseconds, then randomness.
pub fn suffix(now: UtcTime, entropy: &Entropy) -> String {
    let ms = u64::try_from(now.unix_ms()).unwrap_or(0);
    let uuid = uuid::Builder::from_unix_timestamp_millis(ms, &entropy.bytes()).into_uuid();
    base32(uuid.as_u128())
}

/// 128 bits as 26 letters: the first letter carries the upper 3 bits (TypeID specification 0.3).
fn base32(bits: u128) -> String {
    (0..26).map(|i| ALPHABET[((bits >> (125 - 5 * i)) & 31) as usize] as char).collect()
}

/// Whether a text is `prefix_` and 26 letters of the alphabet, not above 128 bits.
pub fn is_well_formed(text: &str, prefix: &str) -> bool {
    let Some(suffix) = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')) else { return false };
    suffix.len() == 26 && suffix.bytes().all(|b| ALPHABET.contains(&b)) && suffix.as_bytes()[0] <= b'7'
}

/// Declares id types: `text_ids! { OfferId = "offer"; … }`.
macro_rules! text_ids {
    ($($name:ident = $prefix:literal;)*) => {$(
        #[doc = concat!("Names one `", $prefix, "`: `", $prefix, "_01jd…`.")]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)]
        #[derive(serde::Serialize)]
        #[diesel(sql_type = diesel::sql_types::Text)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, made of the time and randomness.
            pub fn new(now: crate::clock::UtcTime, entropy: &crate::clock::Entropy) -> Self {
                $name(format!("{}_{}", $prefix, suffix(now, entropy)))
            }

            /// Reads an id as a caller sent it; `None` if it cannot be one of this kind.
            pub fn parse(text: &str) -> Option<Self> {
                is_well_formed(text, $prefix).then(|| $name(text.to_owned()))
            }

            /// The text of the id.
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                $name::parse(&text).ok_or_else(|| serde::de::Error::custom(concat!("an id here begins with ", $prefix, "_")))
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$")))
                    .examples([concat!($prefix, "_01jd2k8m0wfv9s3x6q4r7t5y2z")])
                    .into()
            }
        }
        impl utoipa::ToSchema for $name {}

        impl<DB: diesel::backend::Backend> diesel::serialize::ToSql<diesel::sql_types::Text, DB> for $name
        where
            str: diesel::serialize::ToSql<diesel::sql_types::Text, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut diesel::serialize::Output<'b, '_, DB>) -> diesel::serialize::Result {
                <str as diesel::serialize::ToSql<diesel::sql_types::Text, DB>>::to_sql(self.0.as_str(), out)
            }
        }

        impl<DB: diesel::backend::Backend> diesel::deserialize::FromSql<diesel::sql_types::Text, DB> for $name
        where
            String: diesel::deserialize::FromSql<diesel::sql_types::Text, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                <String as diesel::deserialize::FromSql<diesel::sql_types::Text, DB>>::from_sql(bytes).map($name)
            }
        }
    )*};
}

text_ids! {
    AccountId = "acct";
    OrganisationId = "org";
    SessionId = "sess";
    PoolId = "pool";
    MembershipId = "mship";
    ConsentId = "consent";
    HistoryId = "hist";
    RecipeId = "recipe";
    DatasetId = "dataset";
    EditionId = "edition";
    VoteId = "vote";
    QuestionId = "question";
    OfferId = "offer";
    CounterId = "counter";
    PurchaseId = "purchase";
    LicenceId = "licence";
    NoticeId = "notice";
    PayoutId = "payout";
    LedgerAccountId = "ledger";
    TransferId = "transfer";
    BudgetEntryId = "budget";
    JobId = "job";
    EventId = "event";
    AuditId = "audit";
    AccessId = "access";
    GrantId = "grant";
    ErasureId = "erasure";
    WebhookId = "webhook";
    DeliveryId = "delivery";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_typeid_vectors_hold() {
        // From the TypeID specification's valid.json: the suffixes of the nil, the largest and a version 7 UUID.
        assert_eq!(base32(0), "00000000000000000000000000");
        assert_eq!(base32(u128::MAX), "7zzzzzzzzzzzzzzzzzzzzzzzzz");
        assert_eq!(base32(0x0188_9c89_df6b_7f1c_a388_9139_6ec3_14bc), "01h2e8kqvbfwea724h75qc655w");
    }

    #[test]
    fn ids_sort_by_time_and_are_read_back() {
        let entropy = Entropy::seeded(1);
        let early = OfferId::new(UtcTime::from_unix_s(1_000).unwrap(), &entropy);
        let late = OfferId::new(UtcTime::from_unix_s(2_000).unwrap(), &entropy);
        assert!(early < late);
        assert_eq!(OfferId::parse(early.as_str()), Some(early.clone()));
        assert_eq!(VoteId::parse(early.as_str()), None);
        assert_eq!(OfferId::parse("offer_8zzzzzzzzzzzzzzzzzzzzzzzzz"), None, "more than 128 bits");
        assert_eq!(OfferId::parse("offer_' OR 1=1"), None);
    }
}
