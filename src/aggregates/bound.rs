//! Bounding: what any one member can move is limited before anything is added up across members.
//!
//! The query, as DataFusion runs it: keep the plays that count → plays per (member, artist) → per member the
//! L artists with the most plays → at most C plays each → per artist the number of members and the sum of plays.
//! All of it in 64-bit whole numbers: sums of fractions depend on their order, and the proof with it (Mironov 2012).
//!
//! Taking a member out changes at most L artists; each loses exactly one fan and at most C plays. So the fans
//! move by (L artists, 1 each, sqrt(L) in Euclidean length), the plays by (L artists, C each, C sqrt(L)).

use super::recipe::ArtistPreference;
use crate::clock::Entropy;
use crate::error::{Error, Result};
use aws_lc_rs::hmac;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::dataframe::DataFrame;
use datafusion::error::Result as EngineResult;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprFunctionExt, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, col,
    lit, when,
};
use datafusion::scalar::ScalarValue;
use std::fmt;
use std::sync::Arc;

/// The bounded, still exact numbers of one artist. They never leave this room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtistCount {
    pub(super) artist: String,
    /// Members with the artist among their top L.
    pub(super) fans: i64,
    /// Their plays, each member's at most C.
    pub(super) capped_plays: i64,
}

/// The secret of one draw by which ties among a member's artists are broken. By member *and* artist: broken by artist
/// alone, every member would drop the same artists, and the counts would scatter far more than the noise.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TieSeed([u8; 32]);

impl TieSeed {
    /// A new secret.
    pub fn new(entropy: &Entropy) -> Self {
        TieSeed(entropy.bytes())
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }
}

impl fmt::Debug for TieSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TieSeed(secret)")
    }
}

/// The bounded counts of a table of plays with the columns `member`, `ts`, `ms_played` and `artist`.
pub(super) fn bounded(plays: DataFrame, p: &ArtistPreference, seed: &TieSeed) -> Result<DataFrame> {
    let per_member_cap = i64::from(p.plays_per_artist);
    let tie = ScalarUDF::new_from_impl(TieOrder::new(seed.clone()));
    let place = row_number()
        .partition_by(vec![col("member")])
        .order_by(vec![col("plays").sort(false, false), col("tie").sort(true, false), col("artist").sort(true, false)])
        .build();
    let counted = plays
        .filter(counts(p))
        .and_then(|t| t.aggregate(vec![col("member"), col("artist")], vec![count(lit(1)).alias("plays")]))
        .and_then(|t| t.with_column("tie", tie.call(vec![col("member"), col("artist")])))
        .and_then(|t| t.with_column("place", place?))
        .and_then(|t| t.filter(col("place").lt_eq(lit(u64::from(p.artists_per_member)))))
        .and_then(|t| {
            let capped = when(col("plays").gt(lit(per_member_cap)), lit(per_member_cap)).otherwise(col("plays"))?;
            t.select(vec![col("artist"), capped.alias("capped")])
        })
        .and_then(|t| {
            let totals = vec![count(lit(1)).alias("fans"), sum(col("capped")).alias("capped_plays")];
            t.aggregate(vec![col("artist")], totals)
        });
    counted.map_err(Error::internal)
}

/// Which plays count: long enough, and ended inside the period.
fn counts(p: &ArtistPreference) -> Expr {
    let instant =
        |at: crate::clock::UtcTime| lit(ScalarValue::TimestampMillisecond(Some(at.unix_ms()), Some("UTC".into())));
    let mut condition = col("ms_played").gt_eq(lit(p.min_ms_played));
    if let Some(from) = p.from {
        condition = condition.and(col("ts").gt_eq(instant(from)));
    }
    if let Some(to) = p.to {
        condition = condition.and(col("ts").lt(instant(to)));
    }
    condition
}

/// Reads what the bounded query gave.
pub(super) fn read_counts(batches: &[RecordBatch]) -> Result<Vec<ArtistCount>> {
    let mut counts = Vec::new();
    for batch in batches {
        let column = |name: &str| {
            batch
                .column_by_name(name)
                .ok_or_else(|| Error::internal(format!("the bounded query gave no column `{name}`")))
        };
        let artists = as_text(column("artist")?).map_err(Error::internal)?;
        let artists = artists.as_string::<i32>();
        let (fans, plays) = (column("fans")?, column("capped_plays")?);
        let (Some(fans), Some(plays)) = (fans.as_primitive_opt::<Int64Type>(), plays.as_primitive_opt::<Int64Type>())
        else {
            return Err(Error::internal("the bounded query must count in 64-bit whole numbers"));
        };
        counts.extend((0..batch.num_rows()).map(|i| ArtistCount {
            artist: artists.value(i).to_owned(),
            fans: fans.value(i),
            capped_plays: plays.value(i),
        }));
    }
    Ok(counts)
}

fn as_text(array: &ArrayRef) -> EngineResult<ArrayRef> {
    Ok(cast(array, &DataType::Utf8)?)
}

/// `tie_order(member, artist)`: the first 64 bits of HMAC-SHA256(seed, member, 0, artist). A member id holds no zero byte,
/// so no two pairs are the same message.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TieOrder {
    seed: TieSeed,
    signature: Signature,
}

impl TieOrder {
    fn new(seed: TieSeed) -> Self {
        // Volatile would forbid reordering; the value depends on the two arguments and this draw's seed alone.
        TieOrder { seed, signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for TieOrder {
    fn name(&self) -> &str {
        "tie_order"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::UInt64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let (members, artists) = (as_text(&arrays[0])?, as_text(&arrays[1])?);
        let (members, artists) = (members.as_string::<i32>(), artists.as_string::<i32>());
        let key = self.seed.key();
        let order: UInt64Array = (0..members.len())
            .map(|i| {
                let mut mac = hmac::Context::with_key(&key);
                mac.update(members.value(i).as_bytes());
                mac.update(&[0]);
                mac.update(artists.value(i).as_bytes());
                let tag = mac.sign();
                let first: [u8; 8] = tag.as_ref()[..8].try_into().expect("an HMAC-SHA256 tag has 32 bytes");
                Some(u64::from_be_bytes(first))
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(order)))
    }
}
