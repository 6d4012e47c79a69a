//! The recipes that are made ready, with parameters such that one edition of each fits a pool's usual lifetime budget
//! (0.5 rho and a failure probability of 5e-9).

use super::keys::Key;
use super::recipe::{KeysFrom, Kind, NANO, PICO, Recipe};

/// Countries with a bin of their own in a listener profile, unless a recipe names others: those where most people pay for
/// music in streams, by the number of their inhabitants.
const COUNTRIES: [&str; 20] = [
    "US", "BR", "MX", "JP", "PH", "DE", "TR", "GB", "FR", "IT", "ZA", "KR", "ES", "AR", "CO", "PL", "CA", "AU", "NL",
    "SE",
];

/// A recipe of a kind with all its usual parameters. `custom` groups by nothing yet.
pub fn of(kind: Kind) -> Recipe {
    let thousandths = |rho: u64| Some(NANO / 1_000 * rho);
    let base = base(kind);
    match kind {
        Kind::ArtistPreference => Recipe {
            plays_per_key: Some(200),
            fans_rho_nano: thousandths(50),
            capped_plays_rho_nano: thousandths(50),
            ..threshold(base, &[Key::Artist])
        },
        Kind::ArtistByCountry => Recipe {
            plays_per_key: Some(200),
            fans_rho_nano: thousandths(25),
            capped_plays_rho_nano: thousandths(25),
            ..threshold(base, &[Key::Artist, Key::Country])
        },
        Kind::SkipBehaviour => Recipe {
            keys_per_member: 10,
            plays_per_key: Some(30),
            min_ms_played: 0,
            fans_rho_nano: thousandths(20),
            skip_share_rho_nano: thousandths(30),
            ..threshold(base, &[Key::Artist])
        },
        Kind::ArtistTrend => Recipe {
            keys_per_member: 100,
            plays_per_key: Some(50),
            last_months: Some(24),
            fans_rho_nano: thousandths(25),
            capped_plays_rho_nano: thousandths(25),
            ..listed(base, &[Key::Artist, Key::Month], 500)
        },
        Kind::ListeningClock => Recipe {
            group_by: vec![Key::HourOfWeek],
            keys_per_member: 168,
            plays_per_key: Some(20),
            fans_rho_nano: thousandths(20),
            capped_plays_rho_nano: thousandths(30),
            ..base
        },
        Kind::BuyerPanel => Recipe {
            keys_from: KeysFrom::Offer,
            plays_per_key: Some(100),
            fans_rho_nano: thousandths(25),
            capped_plays_rho_nano: thousandths(25),
            ..listed(base, &[Key::Artist], 2_000)
        },
        Kind::ArtistMap => Recipe { fans_rho_nano: thousandths(50), ..listed(base, &[Key::ArtistPair], 1_000) },
        Kind::ListenerProfile => Recipe {
            group_by: vec![Key::Volume, Key::Variety, Key::Country],
            keys_per_member: 1,
            countries: COUNTRIES.map(str::to_owned).to_vec(),
            fans_rho_nano: thousandths(50),
            ..base
        },
        Kind::RetentionCurve => Recipe {
            keys_per_member: 5,
            months_after: Some(12),
            return_share_rho_nano: thousandths(50),
            ..listed(base, &[Key::Artist, Key::MonthsSinceFirst], 200)
        },
        Kind::Custom => Recipe { keys_from: KeysFrom::Threshold, ..base },
    }
}

/// A recipe of one's own with groups from a threshold: what it leaves out of floor and failure probability.
pub(super) fn custom_by_threshold() -> Recipe {
    threshold(base(Kind::Custom), &[])
}

/// Floor and failure probability of groups that come from a threshold, where a recipe names no others.
const FLOOR_MEMBERS: u32 = 10;
const DELTA_PICO: u64 = PICO / 1_000_000_000;

fn threshold(base: Recipe, group_by: &[Key]) -> Recipe {
    Recipe {
        group_by: group_by.to_vec(),
        keys_from: KeysFrom::Threshold,
        floor_members: Some(FLOOR_MEMBERS),
        delta_pico: Some(DELTA_PICO),
        ..base
    }
}

fn listed(base: Recipe, group_by: &[Key], most_artists: u32) -> Recipe {
    let (group_by, most_artists) = (group_by.to_vec(), Some(most_artists));
    Recipe { group_by, keys_from: KeysFrom::Edition, most_artists, ..base }
}

fn base(kind: Kind) -> Recipe {
    Recipe {
        kind,
        version: 1,
        group_by: Vec::new(),
        keys_from: KeysFrom::Bins,
        most_artists: None,
        keys_per_member: 20,
        plays_per_key: None,
        minutes_per_key: None,
        months_after: None,
        countries: Vec::new(),
        floor_members: None,
        min_ms_played: 30_000,
        from: None,
        to: None,
        last_months: None,
        fans_rho_nano: None,
        capped_plays_rho_nano: None,
        hours_rho_nano: None,
        skip_share_rho_nano: None,
        completion_share_rho_nano: None,
        first_time_share_rho_nano: None,
        return_share_rho_nano: None,
        delta_pico: None,
    }
}

impl Kind {
    /// What an edition is good for, in one line.
    pub const fn good_for(self) -> &'static str {
        match self {
            Kind::ArtistPreference => "Ranking artists, priors for recommendation, sizing an audience.",
            Kind::ArtistByCountry => "Planning tours and releases by country, local charts, licensing by territory.",
            Kind::ArtistTrend => "Seeing artists rise and fall month by month, and what a release or a tour did.",
            Kind::ListeningClock => "Choosing the hours for releases, programmes and notifications.",
            Kind::SkipBehaviour => "Telling artists that people stay with from those they pass over.",
            Kind::BuyerPanel => "Checking a roster of one's own against a real audience, small names included.",
            Kind::ArtistMap => "Finding neighbours of an artist, evaluating embeddings, planning line-ups.",
            Kind::ListenerProfile => "Weighting samples, simulating populations of listeners.",
            Kind::RetentionCurve => "Telling lasting interest from a passing one, valuing catalogues.",
            Kind::Custom => "What its groups and measures say.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::Cost;

    #[test]
    fn one_of_each_fits_the_usual_lifetime_budget() {
        let mut total = Cost::default();
        for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Custom) {
            let recipe = of(*kind);
            recipe.validate().unwrap_or_else(|e| panic!("{kind}: {}", e.detail()));
            assert_eq!(Recipe::parse(&format!("{{\"kind\":\"{kind}\"}}")).unwrap(), recipe);
            assert_eq!(Recipe::parse(&recipe.canonical_json()).unwrap(), recipe);
            total = total.plus(recipe.cost()).unwrap();
        }
        assert!(total.fits(Cost { rho_nano: NANO / 2, delta_pico: 5_000 }), "{total:?}");
        assert!(of(Kind::Custom).validate().is_err(), "a recipe of one's own has to say what it groups by");
    }
}
