//! One test for each thing that genuine exports are known to do. The rows are made up.

use super::*;
use proptest::prelude::*;

/// An object without its braces.
macro_rules! json {
    ($($json:tt)*) => { serde_json::json!({ $($json)* }) };
}

fn now() -> UtcTime {
    UtcTime::parse("2026-11-23T12:00:00Z").unwrap()
}

fn read(name: &str, json: &str) -> Found {
    let mut found = Found::default();
    read_file(name, json.as_bytes(), now(), &mut found).unwrap();
    let kept = found.extended.len() + found.account.len();
    let rows = serde_json::from_str::<Vec<serde::de::IgnoredAny>>(json.trim_start_matches('\u{feff}')).unwrap().len();
    assert_eq!(kept as u64 + found.dropped.values().sum::<u64>(), rows as u64, "kept and dropped are all rows");
    found
}

/// A row of today's shape, in which the values given replace the usual ones.
fn row(changes: serde_json::Value) -> String {
    let mut row = serde_json::json!({
        "ts": "2024-05-01T20:15:30Z", "platform": "ios", "ms_played": 180_000, "conn_country": "SE",
        "ip_addr": "203.0.113.x", "master_metadata_track_name": "Paper Lantern",
        "master_metadata_album_artist_name": "Hollow Harbour", "master_metadata_album_album_name": "Weather Vol. 1",
        "spotify_track_uri": "spotify:track:0123456789abcdefghijAB", "episode_name": null, "episode_show_name": null,
        "spotify_episode_uri": null, "audiobook_title": null, "audiobook_uri": null, "audiobook_chapter_uri": null,
        "audiobook_chapter_title": null, "reason_start": "clickrow", "reason_end": "trackdone", "shuffle": true,
        "skipped": false, "offline": false, "offline_timestamp": 1_714_594_350, "incognito_mode": false
    });
    for (key, value) in changes.as_object().unwrap() {
        match value.as_str() {
            Some("(absent)") => row.as_object_mut().unwrap().remove(key),
            _ => row.as_object_mut().unwrap().insert(key.clone(), value.clone()),
        };
    }
    row.to_string()
}

fn judged_in(name: &str, changes: serde_json::Value) -> Result<Play, Reason> {
    let found = read(name, &format!("[{}]", row(changes)));
    match found.dropped.into_keys().next() {
        Some(reason) => Err(reason),
        None => Ok(found.extended.into_iter().chain(found.account).next().unwrap()),
    }
}

fn judged(changes: serde_json::Value) -> Result<Play, Reason> {
    judged_in("Streaming_History_Audio_2024_1.json", changes)
}

#[test]
fn a_row_becomes_a_play_with_these_columns() {
    let play = judged(json!()).unwrap();
    let expected = Play {
        ts: UtcTime::parse("2024-05-01T20:15:30Z").unwrap(),
        ms_played: 180_000,
        artist: "Hollow Harbour".into(),
        album: Some("Weather Vol. 1".into()),
        track: "Paper Lantern".into(),
        track_uri: Some("spotify:track:0123456789abcdefghijAB".into()),
        country: Some("SE".into()),
        service: Service::Spotify,
        started: Started::Chosen,
        ended: Ended::Finished,
        shuffle: Some(true),
    };
    assert_eq!(play, expected);
}

#[test]
fn histories_are_told_by_their_names_through_the_years() {
    for name in [
        "endsong.json",
        "endsong_12.json",
        "endvideo.json",
        "Streaming_History_Audio_2019.json",
        "Streaming_History_Audio_2019_0.json",
        "Streaming_History_Audio_2021-2024_0.json",
        "Streaming_History_Video_2018-2025.json",
        "StreamingHistory.json",
        "StreamingHistory0.json",
        "StreamingHistory_music_0.json",
        "StreamingHistory_podcast_0.json",
        "StreamingHistory_audiobook_0.json",
        "Streaming_History_Audio_2024 (1).json",
    ] {
        assert!(is_history(name), "{name}");
    }
    for name in [
        "Userdata.json",
        "UserAddress.json",
        "Wrapped2024.json",
        "Playlist1.json",
        "YourLibrary.json",
        "Payments.json",
        "ReadMeFirst_ExtendedStreamingHistory.pdf",
        "SearchQueries.json",
        "endsong_0.csv",
        "._endsong_0.json",
    ] {
        assert!(!is_history(name), "{name}");
    }
}

#[test]
fn the_old_shape_has_a_user_name_and_addresses_that_are_not_read() {
    let old = r#"[{"ts":"2019-03-03T01:02:03Z","username":"nobody","platform":"Android OS 10 API 29 (Made, Up)","ms_played":0,
        "conn_country":"ZZ","ip_addr_decrypted":"2001:db8::1","user_agent_decrypted":"unknown","master_metadata_track_name":"T",
        "master_metadata_album_artist_name":"A","master_metadata_album_album_name":null,"spotify_track_uri":null,
        "episode_name":null,"episode_show_name":null,"spotify_episode_uri":null,"reason_start":"popup","reason_end":null,
        "shuffle":null,"skipped":null,"offline":null,"offline_timestamp":1551574923000,"incognito_mode":false}]"#;
    let play = read("endsong_0.json", old).extended.remove(0);
    assert_eq!((play.ms_played, play.country, play.album, play.shuffle), (0, None, None, None));
    assert_eq!((play.started, play.ended), (Started::Chosen, Ended::Unknown));
}

#[test]
fn keys_that_came_later_may_be_absent() {
    let absent = "(absent)";
    let changes = json!("audiobook_title": absent, "audiobook_uri": absent, "audiobook_chapter_uri": absent,
        "audiobook_chapter_title": absent, "ip_addr": absent, "skipped": absent, "incognito_mode": absent,
        "reason_start": absent, "shuffle": absent, "conn_country": absent);
    assert!(judged(changes).is_ok());
}

#[test]
fn countries_may_be_unknown() {
    for unknown in [json!("conn_country": "ZZ"), json!("conn_country": ""), json!("conn_country": null)] {
        assert_eq!(judged(unknown).unwrap().country, None);
    }
}

#[test]
fn plays_of_no_length_and_of_hours_are_kept() {
    for ms in [0, 29_999, 16_004_958] {
        assert_eq!(judged(json!("ms_played": ms)).unwrap().ms_played, ms);
    }
}

#[test]
fn hand_made_rows_have_empty_texts_for_missing_values() {
    let changes = json!("offline": "", "offline_timestamp": "", "incognito_mode": "", "shuffle": "", "reason_start": "",
        "reason_end": "", "spotify_track_uri": "", "master_metadata_album_album_name": "");
    let play = judged(changes).unwrap();
    assert_eq!((play.started, play.ended, play.shuffle), (Started::Unknown, Ended::Unknown, None));
    assert_eq!((play.track_uri, play.album), (None, None));
}

#[test]
fn private_sessions_are_exported_and_dropped() {
    for private in [json!("incognito_mode": true), json!("incognito_mode": "true"), json!("incognito_mode": 1)] {
        assert_eq!(judged(private), Err(Reason::PrivateSession));
    }
    let also_bad = json!("incognito_mode": true, "ts": 5, "master_metadata_track_name": null);
    assert_eq!(judged(also_bad), Err(Reason::PrivateSession), "before anything else");
}

fn no_music(mut changes: serde_json::Value) -> serde_json::Value {
    for key in ["master_metadata_track_name", "master_metadata_album_artist_name", "spotify_track_uri"] {
        changes[key] = serde_json::Value::Null;
    }
    changes
}

#[test]
fn podcasts_lie_in_audio_and_video_files_alike() {
    let episode =
        || no_music(json!("episode_name": "E", "episode_show_name": "S", "spotify_episode_uri": "spotify:episode:1"));
    assert_eq!(judged(episode()), Err(Reason::Podcast));
    assert_eq!(judged_in("Streaming_History_Video_2024.json", episode()), Err(Reason::PodcastVideo));
    assert_eq!(judged_in("endvideo.json", episode()), Err(Reason::PodcastVideo));
}

#[test]
fn music_videos_are_kept() {
    assert!(judged_in("Streaming_History_Video_2018-2025.json", json!("offline": null)).is_ok());
}

#[test]
fn audiobooks_are_dropped() {
    assert_eq!(
        judged(no_music(json!("audiobook_title": "B", "audiobook_uri": "spotify:show:1"))),
        Err(Reason::Audiobook)
    );
}

#[test]
fn a_few_tracks_have_no_names() {
    assert_eq!(judged(no_music(json!())), Err(Reason::MissingNames));
    assert_eq!(judged(json!("master_metadata_track_name": null)), Err(Reason::MissingNames));
    assert_eq!(judged(json!("master_metadata_album_artist_name": "  ")), Err(Reason::MissingNames));
}

#[test]
fn times_outside_of_the_services_life_are_dropped() {
    assert_eq!(judged(json!("ts": "1970-01-01T00:00:00Z")), Err(Reason::ImplausibleTime));
    assert_eq!(judged(json!("ts": "2005-12-31T23:59:59Z")), Err(Reason::ImplausibleTime));
    assert_eq!(judged(json!("ts": "2026-11-24T12:00:01Z")), Err(Reason::InTheFuture));
    assert!(judged(json!("ts": "2026-11-24T12:00:00Z")).is_ok(), "a clock may be wrong by hours");
}

#[test]
fn the_manuals_own_time_format_is_read_too() {
    let expected = UtcTime::parse("2024-05-01T13:30:30Z").unwrap();
    for ts in ["2024-05-01 13:30:30", "2024-05-01T13:30:30Z", "2024-05-01T13:30:30.000Z", "2024-05-01T15:30:30+02:00"] {
        assert_eq!(judged(json!("ts": ts)).unwrap().ts, expected, "{ts}");
    }
    for ts in
        ["2024-13-01T00:00:00Z", "2024-02-30T00:00:00Z", "yesterday", "2024-05-01X13:30:30Z", "2024-05-01T25:00:00Z"]
    {
        assert_eq!(judged(json!("ts": ts)), Err(Reason::Malformed), "{ts}");
    }
}

#[test]
fn lengths_that_cannot_be_are_dropped() {
    for ms in [-1, 86_400_001, i64::MAX] {
        assert_eq!(judged(json!("ms_played": ms)), Err(Reason::ImplausibleLength));
    }
    assert_eq!(judged(json!("ms_played": 1234.0)).unwrap().ms_played, 1_234, "a spreadsheet's whole number");
    assert_eq!(judged(json!("ms_played": 1234.5)), Err(Reason::Malformed));
}

#[test]
fn a_value_of_the_wrong_type_drops_its_row_and_not_the_file() {
    for (key, value) in [
        ("ts", serde_json::json!(1_714_594_350)),
        ("ms_played", "180000".into()),
        ("ms_played", serde_json::Value::Null),
        ("master_metadata_track_name", 7.into()),
        ("master_metadata_album_artist_name", vec![1].into()),
        ("master_metadata_album_album_name", false.into()),
        ("shuffle", "yes".into()),
        ("reason_end", 1.into()),
        ("master_metadata_track_name", "x".repeat(3_000).into()),
        ("master_metadata_track_name", "a\u{0}b".into()),
    ] {
        let mut changes = serde_json::json!({});
        changes[key] = value;
        let json = format!("[{}, {}, null, 5, [], {{}}]", row(changes), row(serde_json::json!({})));
        let found = read("endsong_0.json", &json);
        assert_eq!((found.extended.len(), found.dropped[&Reason::Malformed]), (1, 5), "{key}");
    }
}

#[test]
fn tracks_that_end_in_the_same_second_and_twins_in_case_are_different_plays() {
    let other = json!("master_metadata_album_artist_name": "HOLLOW HARBOUR", "spotify_track_uri": null);
    let json = format!("[{}, {}]", row(json!("spotify_track_uri": null)), row(other));
    let mut plays = read("endsong_0.json", &json).extended;
    assert_eq!(crate::histories::play::sort_and_dedupe(&mut plays), 0);
    assert_eq!(plays.len(), 2);
}

#[test]
fn exact_duplicates_are_kept_once_whatever_the_order_of_rows() {
    let (a, b) = (row(json!()), row(json!("ts": "2020-01-01T00:00:00Z")));
    let mut plays = read("endsong_0.json", &format!("[{a},{b},{a}]")).extended;
    assert_eq!(crate::histories::play::sort_and_dedupe(&mut plays), 1);
    assert!(plays.len() == 2 && plays[0].ts < plays[1].ts);
}

#[test]
fn a_byte_order_mark_and_any_indentation_are_read() {
    let pretty =
        serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&row(json!())).unwrap()).unwrap();
    assert_eq!(read("endsong_0.json", &format!("\u{feff}[\n {pretty}\r\n]\n")).extended.len(), 1);
}

#[test]
fn only_track_uris_count_as_such() {
    for uri in ["spotify:local:a:b:c:180", "spotify:episode:0123456789abcdefghijAB", "spotify:track:short"] {
        assert_eq!(judged(json!("spotify_track_uri": uri)).unwrap().track_uri, None, "{uri}");
    }
}

#[test]
fn account_data_has_minutes_and_a_space_before_the_colon() {
    let json = "[\n  {\n    \"endTime\" : \"2023-10-02 23:43\",\n    \"artistName\" : \"A\",\n    \"trackName\" : \"T\",\n    \
                \"msPlayed\" : 61000\n  }\n]";
    let found = read("StreamingHistory0.json", json);
    assert_eq!((found.extended.len(), found.extended_rows), (0, 0));
    let play = &found.account[0];
    assert_eq!(play.ts, UtcTime::parse("2023-10-02T23:43:00Z").unwrap());
    assert!(play.is_coarse() && play.shuffle.is_none() && play.started == Started::Unknown);
}

#[test]
fn account_data_has_unknown_artists_podcasts_audiobooks_and_missing_names() {
    let json = r#"[{"endTime":"2025-07-02 23:43","artistName":"Unknown Artist","trackName":"Unknown Track","msPlayed":1},
        {"endTime":"2025-07-02 23:43","podcastName":"P","episodeName":"E","msPlayed":1},
        {"endTime":"2025-07-02 23:43","audiobookName":"B","chapterName":"C","authorName":"N","msPlayed":1},
        {"endTime":"2025-07-02 23:43","msPlayed":1},
        {"endTime":"2025-07-02 23:43","artistName":"A","trackName":"T","msPlayed":1},
        {"endTime":"2025-07-02 23:43","artistName":"A","trackName":"U","msPlayed":1}]"#;
    let found = read("StreamingHistory_music_0.json", json);
    assert_eq!(found.account.len(), 2, "two plays in one minute are normal");
    let reasons = [Reason::UnknownArtist, Reason::Podcast, Reason::Audiobook, Reason::MissingNames];
    assert!(reasons.iter().all(|reason| found.dropped[reason] == 1));
}

#[test]
fn a_file_that_is_no_array_names_itself_and_the_place() {
    for bytes in [&b"{\"a\": 1}"[..], b"", b"[{\"ts\": \"2024", b"not json", b"[1] trailing", b"\x1f\x8b\x08"] {
        let error = read_file("endsong_3.json", bytes, now(), &mut Found::default()).unwrap_err();
        assert_eq!(error.code(), Code::UnreadableHistory);
        let words = error.to_string();
        assert!(words.contains("endsong_3.json") && words.contains("byte") && words.contains("line 1"), "{words}");
    }
}

proptest! {
    #[test]
    fn kept_and_dropped_are_all_rows(rows in proptest::collection::vec(any_row(), 0..12)) {
        read("endsong_0.json", &format!("[{}]", rows.join(",\n")));
    }

    #[test]
    fn no_bytes_make_it_panic(noise in proptest::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let _ = read_file("endsong_0.json", &noise[..], now(), &mut Found::default());
        let mut bytes = format!("[{}]", row(json!())).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = with;
        let _ = read_file("endsong_0.json", &bytes[..], now(), &mut Found::default());
        let _ = read_file("endsong_0.json", &bytes[..at], now(), &mut Found::default());
    }

    #[test]
    fn times_are_read_as_the_calendar_has_them(second in EARLIEST_S..1_795_000_000i64) {
        let ts = UtcTime::from_unix_s(second).unwrap();
        prop_assert_eq!(instant(&ts.to_string()), Some(ts));
    }
}

/// Rows of every sort: right ones, and ones with any value at any key.
fn any_row() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("true".into()),
        Just("\"\"".into()),
        Just("1e400".into()),
        Just("\"\\ud800\"".into()),
        Just("[{}]".into()),
        Just("{\"a\":[]}".into()),
        any::<i64>().prop_map(|n| n.to_string()),
        Just("-1.5".into()),
        Just("\"2024-01-01 00:00\"".into()),
        Just("18446744073709551616".into()),
        Just("\"A\"".into()),
    ];
    let key = prop::sample::select(vec![
        "ts",
        "endTime",
        "ms_played",
        "msPlayed",
        "artistName",
        "trackName",
        "incognito_mode",
        "shuffle",
        "reason_end",
        "master_metadata_track_name",
        "master_metadata_album_artist_name",
        "episode_name",
        "unheard_of",
    ]);
    prop_oneof![
        Just(row(json!())),
        proptest::collection::vec((key, value.clone()), 0..5).prop_map(|cells| format!(
            "{{{}}}",
            cells.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect::<Vec<_>>().join(",")
        )),
        value,
    ]
}
