//! Exports on their way in: every shape is read, and what is no good leaves nothing behind.

use crate::common::actors::{export, export_of_a_fan, row};
use crate::common::http::{Answer, Caller};
use crate::common::wire::Wire;
use crate::common::{Backend, TestApp};
use refrain::histories::made_up::archive::{EntryToWrite, Style, write};
use refrain::histories::made_up::{Listener, Shape, World, broken};
use serde_json::{Value, json};

crate::on_both_databases!(
    the_same_history_twice_is_one_history,
    the_same_history_of_two_members_is_held_until_an_operator_decides,
    of_two_members_who_send_the_same_at_once_one_is_held,
    several_exports_of_one_member_at_once_become_one_collection,
);

fn world(app: &TestApp) -> World {
    World::small(5, app.ctx.clock.now())
}

fn zip_of(app: &TestApp, listener: u64) -> Vec<u8> {
    world(app).listener(listener).zip(Shape::ExtendedNew)
}

fn pack(style: Style, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    write(style, &files.iter().map(|(name, body)| EntryToWrite::new(name, body)).collect::<Vec<_>>())
}

/// The export with the names of its files changed.
fn renamed(listener: &Listener<'_>, shape: Shape, style: Style, names: &[(&str, &str)]) -> Vec<u8> {
    let mut files = listener.files(shape);
    for (name, _) in &mut files {
        for (old, new) in names {
            *name = name.replace(old, new);
        }
    }
    pack(style, &files)
}

fn send(member: &Caller, body: &[u8]) -> Answer {
    member.upload("/v1/histories", "application/zip", body)
}

fn own(member: &Caller) -> Vec<Value> {
    member.get("/v1/histories").ok()["items"].as_array().unwrap().clone()
}

#[track_caller]
fn assert_adds_up(report: &Value) {
    let dropped: u64 = report["dropped"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(report["kept"].as_u64().unwrap() + dropped, report["rows"].as_u64().unwrap(), "{report}");
}

#[test]
fn every_shape_of_every_year_gives_back_what_was_heard() {
    let app = TestApp::start(Backend::Sqlite);
    let (world, member) = (world(&app), app.member("ada"));
    let (new, old, account) = (Shape::ExtendedNew, Shape::ExtendedOld, Shape::Account);
    let names_of_2023 = [("endsong_0", "Streaming_History_Audio_2019_0"), ("endvideo", "Streaming_History_Video_2019")];
    let plain = [("Spotify Account Data/", "MyData/"), ("StreamingHistory_music_0", "StreamingHistory0")];
    let first = [("Spotify Account Data/", ""), ("StreamingHistory_music_0", "StreamingHistory")];
    let listener = |index| world.listener(index);
    let mut macos = listener(4).files(new);
    macos.push((format!("__MACOSX/._{}", macos[0].0), b"\0\x05\x16\x07".to_vec()));
    let shapes = [
        ("today's", "spotify_extended", listener(0).zip(new)),
        ("until 2023", "spotify_extended", listener(1).zip(old)),
        ("2023, new names", "spotify_extended", renamed(&listener(2), old, Style::Genuine, &names_of_2023)),
        ("packed again by Windows", "spotify_extended", renamed(&listener(3), new, Style::Windows, &[("/", "\\")])),
        ("packed again by macOS", "spotify_extended", pack(Style::Genuine, &macos)),
        ("account data", "spotify_account", listener(5).zip(account)),
        ("account data until 2023", "spotify_account", renamed(&listener(6), account, Style::Genuine, &plain)),
        ("account data of 2019", "spotify_account", renamed(&listener(7), account, Style::Genuine, &first)),
    ];
    for (index, (name, kind, zip)) in (0..).zip(shapes) {
        let listener = listener(index);
        let history = app.upload(&member, &zip);
        assert_eq!(history["state"], "accepted", "{name}: {history}");
        let report = &history["report"];
        assert_eq!((&report["source_kind"], &report["kept"]), (&json!(kind), &json!(listener.plays().len())), "{name}");
        assert!(report["rows"].as_u64() > report["kept"].as_u64(), "{name}: a made-up export has rows to drop, too");
        assert_adds_up(report);
        let second = |at: Option<i64>| refrain::clock::UtcTime::from_unix_s(at.unwrap()).unwrap().to_string();
        let (from, to) =
            (second(listener.plays().first().map(|p| p.ts_s)), second(listener.plays().last().map(|p| p.ts_s)));
        if kind == "spotify_extended" {
            assert_eq!((&report["from"], &report["to"]), (&json!(from), &json!(to)), "{name}");
        } else {
            assert_eq!(report["from"].as_str().unwrap()[..16], from[..16], "{name}: to the minute");
        }
    }
    assert_eq!(own(&member).len(), 8);
    app.wait_for_files(1);
}

#[test]
fn an_upload_is_answered_at_once_and_read_in_the_background() {
    let app = TestApp::start(Backend::Sqlite);
    let member = app.member("ada");
    let accepted = send(&member, &zip_of(&app, 0));
    assert_eq!(accepted.status, 202);
    let (view, path) = (accepted.json(), accepted.header("location").unwrap().to_owned());
    assert_eq!(path, format!("/v1/histories/{}", view["id"].as_str().unwrap()));
    assert_eq!((&view["state"], view.get("report")), (&json!("reading"), None));
    assert!(view["note"].as_str().unwrap().contains("ask again"));
    app.advance_s(1);
    let history = app.upload(&member, &zip_of(&app, 1));
    let listed: Vec<Value> = own(&member).iter().map(|history| history["id"].clone()).collect();
    assert_eq!(listed, [history["id"].clone(), view["id"].clone()], "newest first");
    let path = format!("/v1/histories/{}", history["id"].as_str().unwrap());
    let stranger = app.member("bob");
    let cursor = member.get("/v1/histories?limit=1").ok()["next_cursor"].as_str().unwrap().to_owned();
    let page = format!("/v1/histories?limit=1&cursor={cursor}");
    assert_eq!(member.get(&page).ok()["items"][0]["id"], view["id"]);
    stranger.get(&page).problem(400, "invalid-cursor");
    stranger.get(&path).problem(404, "not-found");
    assert!(own(&stranger).is_empty());
    app.operator().get(&path).problem(403, "forbidden");
}

#[test]
fn a_form_with_one_file_is_as_good_as_the_archive_itself() {
    let app = TestApp::start(Backend::Sqlite);
    let member = app.member("ada");
    let file = |name: &str, body: &[u8]| part(&format!("; filename=\"{name}\""), body);
    let form = |parts: &[Vec<u8>]| {
        let body = [parts.concat(), b"--line--\r\n".to_vec()].concat();
        member.upload("/v1/histories", "multipart/form-data; boundary=line", &body)
    };
    let zip = zip_of(&app, 0);
    for (parts, words) in [
        (vec![], "no file"),
        (vec![part("", b"a note")], "no file"),
        (vec![file("a.zip", &zip), file("b.zip", &zip)], "more than one file"),
    ] {
        let refused = form(&parts).problem(422, "invalid");
        assert!(refused["detail"].as_str().unwrap().contains(words), "{refused}");
    }
    let cut = [file("a.zip", &zip)].concat();
    member.upload("/v1/histories", "multipart/form-data; boundary=line", &cut).problem(400, "malformed-request");
    member.upload("/v1/histories", "multipart/form-data", &cut).problem(400, "malformed-request");
    for media_type in ["text/plain", "application/json", "multipart/mixed; boundary=line"] {
        member.upload("/v1/histories", media_type, &zip).problem(415, "unsupported-media-type");
    }
    member.send("POST", "/v1/histories", &[], Some(&zip)).problem(415, "unsupported-media-type");
    assert!(own(&member).is_empty() && app.stored_files().is_empty());
    assert_eq!(form(&[part("", b"a note"), file("my_spotify_data.zip", &zip)]).status, 202);
    let accepted = member.upload("/v1/histories", "application/octet-stream", &zip_of(&app, 1));
    assert_eq!(accepted.status, 202);
}

fn part(more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("--line\r\nContent-Disposition: form-data; name=\"file\"{more}\r\n\r\n");
    [head.as_bytes(), body, b"\r\n"].concat()
}

#[test]
fn what_is_no_good_archive_is_refused_at_the_door_and_leaves_nothing() {
    let app = TestApp::start(Backend::Sqlite);
    let member = app.member("ada");
    let whole = zip_of(&app, 0);
    let named = |name: &str| write(Style::Genuine, &[EntryToWrite::new(name, b"[]")]);
    for (what, archive, status, code) in [
        ("empty", Vec::new(), 422, "not-a-zip"),
        ("no archive", b"[{\"ts\":1}]".to_vec(), 422, "not-a-zip"),
        ("half an archive", whole[..whole.len() / 2].to_vec(), 422, "not-a-zip"),
        ("without its first half", whole[whole.len() / 2..].to_vec(), 422, "not-a-zip"),
        ("a bomb by its size", broken::bomb(65 << 20, None), 413, "payload-too-large"),
        ("a bomb by its ratio", broken::bomb(8 << 20, None), 422, "unsafe-archive"),
        ("a way out", named("../../endsong_0.json"), 422, "unsafe-archive"),
        ("the root", named("/endsong_0.json"), 422, "unsafe-archive"),
        ("a drive", named("C:\\endsong_0.json"), 422, "unsafe-archive"),
        ("an archive inside", named("Apple_Media_Services.zip"), 422, "unsafe-archive"),
        ("a link", broken::symlink(), 422, "unsafe-archive"),
        ("a password", broken::encrypted(), 422, "unsafe-archive"),
        ("two of a name", broken::twins(), 422, "unsafe-archive"),
        ("two in one place", broken::overlapping(), 422, "unsafe-archive"),
        ("a crowd", broken::crowded(501), 422, "unsafe-archive"),
    ] {
        let answer = send(&member, &archive);
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        answer.problem(status, code);
    }
    assert_eq!(own(&member), [] as [Value; 0]);
    assert_eq!(app.stored_files(), [] as [String; 0]);
}

#[test]
fn what_cannot_be_used_says_why_and_leaves_nothing() {
    let app = TestApp::start(Backend::Sqlite);
    let member = app.member("ada");
    let future: Vec<Value> = (0..20).map(|play| future(play, 2_027)).collect();
    let cases = [
        (broken::holding(b"{\"ts\": 1}"), "unreadable-history", "endsong_0.json"),
        (broken::holding(b"[\n{\"ts\": nope}]"), "unreadable-history", "line 2"),
        (broken::holding(b"[{\"ts\":\"2024-01-01T0"), "unreadable-history", "endsong_0.json"),
        (broken::holding(b""), "unreadable-history", "endsong_0.json"),
        (broken::holding(b"[]"), "nothing-usable", "no rows"),
        (broken::holding(b"[1, {}, null]"), "nothing-usable", "None of the 3 rows"),
        (pack(Style::Genuine, &[("Userdata.json".into(), b"{}".to_vec())]), "nothing-usable", "No listening history"),
        (broken::damaged(), "not-a-zip", "damaged"),
        (broken::bomb(8 << 20, Some(100)), "not-a-zip", "endsong_0.json"),
        (export(&future), "implausible-history", "future"),
    ];
    for (archive, code, words) in &cases {
        let history = app.upload(&member, archive);
        assert_eq!((&history["state"], &history["problem"]["code"]), (&json!("rejected"), &json!(code)), "{history}");
        assert!(history["problem"]["detail"].as_str().unwrap().contains(words), "{history}");
        assert!(history["problem"]["title"].as_str().is_some_and(|title| !title.is_empty()));
        assert!(history.get("report").is_none() && history["finished_at"].is_string(), "{history}");
    }
    assert_eq!(app.stored_files(), [] as [String; 0]);
    assert_eq!(own(&member).len(), cases.len());
    assert_eq!(app.upload(&member, &zip_of(&app, 0))["state"], "accepted");
}

fn future(play: usize, year: i32) -> Value {
    with(play, "ts", json!(format!("{year}-01-01T00:00:{play:02}Z")))
}

fn with(play: usize, name: &str, value: Value) -> Value {
    let mut row = row(0, play, "Somebody");
    row[name] = value;
    row
}

#[test]
fn one_bad_row_drops_that_row_and_says_why() {
    let app = TestApp::start(Backend::Sqlite);
    let member = app.member("ada");
    let nobody = |play, name: &str| {
        let mut row = with(play, name, json!("Something"));
        row["master_metadata_album_artist_name"] = Value::Null;
        row["master_metadata_track_name"] = Value::Null;
        row
    };
    let rows = [
        row(0, 0, "Somebody"),
        row(0, 0, "Somebody"),
        json!(7),
        json!({"not": "a play"}),
        with(1, "ts", json!("yesterday")),
        with(2, "ts", json!(1_700_000_000)),
        with(3, "ts", json!("2005-12-31T23:59:59Z")),
        future(4, 2_027),
        with(5, "ms_played", json!(-1)),
        with(6, "ms_played", json!(86_400_001_u64)),
        with(7, "ms_played", json!("long")),
        with(8, "incognito_mode", json!(true)),
        with(9, "incognito_mode", json!("maybe")),
        with(10, "master_metadata_album_artist_name", json!("Unknown Artist")),
        with(11, "master_metadata_track_name", Value::Null),
        nobody(12, "episode_name"),
        nobody(13, "audiobook_title"),
        with(14, "ms_played", json!(0)),
        with(15, "offline_timestamp", json!("")),
        with(16, "skipped", Value::Null),
    ];
    let history = app.upload(&member, &export(&rows));
    let report = &history["report"];
    assert_eq!(history["state"], "accepted", "{history}");
    assert_eq!(
        (&report["rows"], &report["kept"], &report["duplicates"]),
        (&json!(20), &json!(4), &json!(1)),
        "{report}"
    );
    assert_eq!(
        report["dropped"],
        json!({"audiobook": 1, "duplicate": 1, "implausible_length": 2, "implausible_time": 1, "in_the_future": 1,
               "malformed": 5, "missing_names": 1, "podcast": 1, "private_session": 2, "unknown_artist": 1})
    );
}

#[test]
fn nothing_personal_of_an_export_is_kept() {
    let app = TestApp::start(Backend::Sqlite);
    let member = app.member("ada");
    let rows: Vec<Value> = (0..3)
        .map(|play| {
            let mut row = row(0, play, "Somebody");
            row["username"] = json!("canary-name");
            row["ip_addr_decrypted"] = json!("198.51.100.77");
            row["user_agent_decrypted"] = json!("canary-agent");
            row["platform"] = json!("canary-device");
            row
        })
        .collect();
    let files = [
        ("MyData/endsong_0.json", serde_json::to_vec(&rows).unwrap()),
        ("MyData/Userdata.json", b"{\"email\":\"canary@mail.example\"}".to_vec()),
    ];
    let files = files.map(|(name, body)| (name.to_owned(), body));
    assert_eq!(app.upload(&member, &pack(Style::Windows, &files))["state"], "accepted");
    assert!(app.keeps(b"2025-06-01T00:00:00Z"), "the report is kept, and found where it is");
    for canary in
        ["canary-name", "198.51.100.77", "203.0.113.7", "canary-agent", "canary-device", "canary@mail.example"]
    {
        assert!(!app.keeps(canary.as_bytes()), "{canary} was kept");
    }
}

fn the_same_history_twice_is_one_history(backend: Backend) {
    let app = TestApp::start(backend);
    let (world, member) = (world(&app), app.member("ada"));
    let first = app.upload(&member, &world.listener(0).zip(Shape::ExtendedNew));
    let files = app.stored_files();
    for again in [world.listener(0).zip(Shape::ExtendedNew), world.listener(0).zip(Shape::ExtendedOld)] {
        let history = app.upload(&member, &again);
        assert_eq!((&history["state"], &history["same_as"]), (&json!("duplicate"), &first["id"]), "{history}");
        assert!(history["note"].as_str().unwrap().contains("counts once"));
    }
    assert_eq!(app.stored_files(), files);
}

fn the_same_history_of_two_members_is_held_until_an_operator_decides(backend: Backend) {
    let app = TestApp::start(backend);
    let [ada, bob, eve] = ["ada", "bob", "eve"].map(|name| app.member(name));
    let (operator, zip) = (app.operator(), zip_of(&app, 0));
    let first = app.upload(&ada, &zip);
    let [held, other] = [&bob, &eve].map(|member| app.upload(member, &zip));
    for history in [&held, &other] {
        assert_eq!(history["state"], "held", "{history}");
        assert!(history["note"].as_str().unwrap().contains("An operator looks at it"));
    }
    app.run_jobs();
    let told = app.mails().iter().filter(|mail| mail.contains("operator@example.org")).count();
    assert_eq!(told, 2, "the operator hears of each");
    let listed = operator.get("/v1/held-histories").ok()["items"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 2);
    let listed = listed.iter().find(|history| history["id"] == held["id"]).unwrap();
    assert!(listed["same_as"].as_array().unwrap().iter().any(|same| same["history_id"] == first["id"]));
    let path = |history: &Value, verb: &str| format!("/v1/held-histories/{}/{verb}", history["id"].as_str().unwrap());
    let reason = json!({"reason": "They share one account."});
    ada.post(&path(&held, "release"), &reason).problem(403, "forbidden");
    operator.post(&path(&held, "release"), &json!({"reason": " "})).problem(422, "invalid");
    operator.post(&path(&first, "release"), &reason).problem(409, "conflict");
    assert_eq!(operator.post(&path(&held, "release"), &reason).ok()["state"], "accepted");
    operator.post(&path(&held, "reject"), &reason).problem(409, "conflict");
    let files = app.stored_files().len();
    let refused = json!({"reason": "This is not yours."});
    assert_eq!(operator.post(&path(&other, "reject"), &refused).ok()["state"], "rejected");
    operator.post(&path(&other, "release"), &reason).problem(409, "conflict");
    assert_eq!(app.stored_files().len(), files - 1, "what was held of a refused history is deleted");
    assert_eq!(own(&bob)[0]["state"], "accepted");
    let rejected = &own(&eve)[0];
    assert_eq!(
        (&rejected["problem"]["code"], &rejected["problem"]["detail"]),
        (&json!("history-refused"), &refused["reason"])
    );
    assert_eq!(operator.get("/v1/held-histories").ok()["items"], json!([]));
}

fn of_two_members_who_send_the_same_at_once_one_is_held(backend: Backend) {
    let app = TestApp::start(backend);
    let zip = zip_of(&app, 0);
    let members = ["ada", "bob", "eve"].map(|name| app.member(name));
    let mut states: Vec<String> = std::thread::scope(|scope| {
        let sent: Vec<_> = members.iter().map(|member| scope.spawn(|| app.upload(member, &zip))).collect();
        sent.into_iter().map(|history| history.join().unwrap()["state"].as_str().unwrap().to_owned()).collect()
    });
    states.sort();
    assert_eq!(states, ["accepted", "held", "held"]);
    assert_eq!(app.stored_files().len(), 3);
}

fn several_exports_of_one_member_at_once_become_one_collection(backend: Backend) {
    let app = TestApp::start(backend);
    let member = app.member("ada");
    let zips: Vec<Vec<u8>> = (0..6).map(|listener| zip_of(&app, listener)).collect();
    std::thread::scope(|scope| {
        for zip in &zips {
            scope.spawn(|| assert_eq!(app.upload(&member, zip)["state"], "accepted"));
        }
    });
    assert_eq!(app.upload(&member, &zips[3])["state"], "duplicate", "none was lost");
    app.wait_for_files(1);
}

#[test]
fn a_body_beyond_the_limit_is_cut_off_however_it_is_sent() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.uploads.max_bytes = 10_000);
    let member = app.member("ada");
    let declared = Wire::begin_upload(&app, &member, "Content-Length: 10001").answer();
    declared.problem(413, "payload-too-large");
    let chunked = Wire::begin_upload(&app, &member, "Transfer-Encoding: chunked");
    chunked.chunk(&[b' '; 9_000]).chunk(&[b' '; 1_001]).answer().problem(413, "payload-too-large");
    let form = [part("; filename=\"a.zip\"", &[b' '; 10_000]), b"--line--\r\n".to_vec()].concat();
    member.upload("/v1/histories", "multipart/form-data; boundary=line", &form).problem(413, "payload-too-large");
    send(&member, &[b' '; 10_000]).problem(422, "not-a-zip");
    let fits = export_of_a_fan(0);
    assert!(fits.len() <= 10_000);
    let head = Wire::begin_upload(&app, &member, "Transfer-Encoding: chunked");
    let accepted = fits.chunks(100).fold(head, Wire::chunk).send(b"0\r\n\r\n").answer();
    assert_eq!(accepted.status, 202, "{}", accepted.text());
}

#[test]
fn a_body_that_stops_arriving_is_given_up_in_time() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.uploads.timeout_s = 1);
    let member = app.member("ada");
    let slow = Wire::begin_upload(&app, &member, "Content-Length: 1000").send(b"PK").answer();
    let problem = slow.problem(408, "upload-too-slow");
    assert!(problem["detail"].as_str().unwrap().contains("1 seconds"), "{problem}");
    assert!(own(&member).is_empty() && app.stored_files().is_empty());
}

#[test]
fn beyond_the_room_uploads_are_told_to_come_back_and_who_hangs_up_makes_room() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.uploads.readers = 1);
    let member = app.member("ada");
    let begun = |_| Wire::begin_upload(&app, &member, "Content-Length: 1000").send(b"PK\x03\x04");
    let mut wires: Vec<Wire> = (0..65).map(begun).collect();
    let refused = loop {
        match wires.iter().position(Wire::is_answered) {
            Some(at) => break wires.remove(at).answer(),
            None => std::thread::yield_now(),
        }
    };
    refused.problem(503, "busy");
    assert_eq!(refused.header("retry-after"), Some("60"));
    assert!(!wires.iter().any(Wire::is_answered), "the other 64 are waited for");
    drop(wires);
    // The server has yet to notice that they are gone.
    let answers = std::iter::repeat_with(|| send(&member, b""));
    answers.take(10_000).find(|answer| answer.status != 503).unwrap().problem(422, "not-a-zip");
    assert!(own(&member).is_empty() && app.stored_files().is_empty(), "half an upload leaves nothing");
    assert_eq!(app.upload(&member, &export_of_a_fan(0))["state"], "accepted");
}
