//! Names of artists, albums and tracks that do not exist.

const FIRST: [&str; 40] = [
    "Velvet",
    "Paper",
    "Hollow",
    "Copper",
    "Second",
    "Little",
    "Northern",
    "Electric",
    "Quiet",
    "Salt",
    "Glass",
    "Marble",
    "Amber",
    "Distant",
    "Wooden",
    "Crooked",
    "Silver",
    "Lunar",
    "Tidal",
    "Static",
    "Plastic",
    "Frozen",
    "Painted",
    "Humble",
    "Rusty",
    "Golden",
    "Sudden",
    "Mellow",
    "Feral",
    "Woven",
    "Borrowed",
    "Gentle",
    "Heavy",
    "Vacant",
    "Narrow",
    "Cobalt",
    "Muted",
    "Ivory",
    "Wandering",
    "Thirteenth",
];

const SECOND: [&str; 40] = [
    "Harbour",
    "Orchard",
    "Machine",
    "Letters",
    "Weather",
    "Cinema",
    "Compass",
    "Lantern",
    "Garden",
    "Signal",
    "Meridian",
    "Turbine",
    "Kettle",
    "Atlas",
    "Sparrow",
    "Ladder",
    "Parade",
    "Furnace",
    "Pavilion",
    "Antler",
    "Carousel",
    "Thicket",
    "Monsoon",
    "Ferry",
    "Almanac",
    "Bicycle",
    "Quarry",
    "Pendulum",
    "Sailor",
    "Tunnel",
    "Magnet",
    "Chapel",
    "Saddle",
    "Blizzard",
    "Mosaic",
    "Typewriter",
    "Canyon",
    "Trumpet",
    "Umbrella",
    "Zeppelin-Maker",
];

const OTHER_ALPHABETS: [&str; 10] = [
    "夜の汽車",
    "Ночной Маяк",
    "Żółta Łódź",
    "Señor Niebla",
    "Été Infini",
    "Straße Süd",
    "밤의 등대",
    "Μικρή Βάρκα",
    "Ægir Øst",
    "صوت المطر",
];

/// The artist of a rank; no two ranks have the same name.
pub(super) fn artist(rank: usize) -> String {
    // A twin differs from the artist before it in nothing but case, as LISA and LiSA do.
    if rank % 50 == 31 {
        return artist(rank - 1).to_uppercase();
    }
    let (first, second) = (FIRST[rank % 40], SECOND[(rank / 40 + rank) % 40]);
    let round = rank / 1_600;
    let name = match rank % 12 {
        2 => format!("The {first} {second}s"),
        5 => format!("{first}, {second} & Daughters"),
        7 => format!("{first} \"{second}\" Ensemble"),
        9 => format!("{} {second}", OTHER_ALPHABETS[rank / 12 % 10]),
        11 => format!("{first}{}", second.to_lowercase()),
        _ => format!("{first} {second}"),
    };
    // The forms above may meet for large ranks; a number keeps them apart, as it does in real catalogues.
    if round == 0 && rank % 12 != 9 { name } else { format!("{name} {}", rank + 1) }
}

/// A track's title; titles are shared between artists, as they are in life.
pub(super) fn track(artist: usize, number: usize) -> String {
    let mix = artist * 7 + number * 11;
    let (first, second) = (FIRST[mix % 40], SECOND[(mix / 3 + number) % 40]);
    match (artist + number) % 9 {
        3 => format!("{second} (Live)"),
        5 => format!("Don't Call It \"{second}\", Part {number}"),
        8 => OTHER_ALPHABETS[mix % 10].to_owned(),
        _ => format!("{first} {second} {number}"),
    }
}

/// The album that a track is on.
pub(super) fn album(artist: usize, track: usize) -> String {
    format!("{} Vol. {}", SECOND[(artist * 3 + track / 5) % 40], track / 5 + 1)
}

/// A track's URI: 22 letters and digits that follow from artist and track.
pub(super) fn track_uri(artist: usize, track: usize) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut uri = String::from("spotify:track:");
    let mut state = mixed(((artist as u64) << 16) | track as u64);
    for place in 0..22 {
        if place == 11 {
            state = mixed(state ^ artist as u64);
        }
        uri.push(LETTERS[(state % 62) as usize] as char);
        state /= 62;
    }
    uri
}

/// Mixes the bits of a number well (the finalizer of SplitMix64).
pub(super) fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_differ_and_some_are_difficult() {
        let names: HashSet<String> = (0..5_000).map(artist).collect();
        assert_eq!(names.len(), 5_000);
        assert!(names.iter().any(|n| n.contains(',')) && names.iter().any(|n| n.contains('"')));
        assert!(names.iter().any(|n| !n.is_ascii()));
        let folded: HashSet<String> = names.iter().map(|n| n.to_lowercase()).collect();
        assert!(folded.len() < names.len(), "some differ only in case");
        let uris: HashSet<String> = (0..3_000).flat_map(|a| (0..15).map(move |t| track_uri(a, t))).collect();
        assert_eq!(uris.len(), 45_000);
    }
}
