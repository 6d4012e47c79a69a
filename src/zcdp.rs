//! Zero-concentrated differential privacy as epsilon and delta: the one conversion that pools, recipes and reports share.

use crate::error::{Error, Result};
use crate::telemetry;
use opendp::combinators::ConcentratedMeasure as _;
use opendp::measures::{Approximate, ZeroConcentratedDivergence};

/// The failure probability at which epsilon is told: one in a million, in 1e-12.
pub const CUSTOMARY_DELTA_PICO: u64 = 1_000_000;

/// Units of delta in a whole.
pub const PICO: u64 = 1_000_000_000_000;
/// Units of rho in a whole.
pub const NANO: u64 = 1_000_000_000;

/// Epsilon of `rho_nano` (in 1e-9) at a total failure probability, both in 1e-12, of which `spent_pico` is used by
/// thresholds already; `None` where nothing is left of it. The tightest known conversion (Canonne, Kamath and Steinke 2020,
/// "The Discrete Gaussian for Differential Privacy", section 2.3), worked out by OpenDP.
///
/// # Errors
/// `internal`: the library cannot convert.
pub fn epsilon(rho_nano: u64, spent_pico: u64, total_pico: u64) -> Result<Option<f64>> {
    let _loud = Loud;
    let (rho, spent) = (rho_nano as f64 / NANO as f64, spent_pico as f64 / PICO as f64);
    let (profile, spent) = Approximate::<ZeroConcentratedDivergence>::convert((rho, spent)).map_err(failed)?;
    let left = total_pico as f64 / PICO as f64 - spent;
    if left <= 0.0 { Ok(None) } else { profile.epsilon(left).map(Some).map_err(failed) }
}

/// Held while the library is called: afterwards panics are told of again, which the library silences.
pub struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        telemetry::restore_panic_hook();
    }
}

/// The library names its failures by kind; its messages speak of parameters, never of data.
pub fn failed(cause: opendp::error::Error) -> Error {
    Error::internal(format!("privacy: {}: {}", cause.variant, cause.message.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conversion_is_tighter_than_the_closed_form_and_needs_room_beyond_what_is_spent() {
        for (rho_nano, expected) in [(50_000_000, 1.47), (100_000_000, 2.14), (200_000_000, 3.13), (500_000_000, 5.22)]
        {
            let found = epsilon(rho_nano, 0, CUSTOMARY_DELTA_PICO).unwrap().unwrap();
            let rho = rho_nano as f64 / NANO as f64;
            assert!((found - expected).abs() < 0.01, "{rho_nano}: {found}");
            assert!(found < rho + 2.0 * (rho * 1e6f64.ln()).sqrt(), "Bun and Steinke 2016, proposition 1.3");
        }
        assert_eq!(epsilon(1, CUSTOMARY_DELTA_PICO, CUSTOMARY_DELTA_PICO).unwrap(), None);
    }
}
