//! Files in a bucket of an S3-compatible service instead of on the disk: the same market, and what is different.

use crate::common::http::{Answer, Caller};
use crate::common::market::{Market, id, items, lasting_sessions, revealing};
use crate::common::s3::{Bucket, service};
use crate::common::{Backend, TestApp};
use crate::links::below;
use futures_util::TryStreamExt;
use refrain::clock::{Clock, Entropy};
use refrain::config::{Config, S3, Secret};
use refrain::context::Context;
use refrain::storage::Storage;
use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const CSV: &str = "artist_preference.csv";

/// A licence of a market whose files lie in a bucket, and links to them.
struct Licensed {
    market: Market,
    bucket: Bucket,
    licence_id: String,
}

impl Licensed {
    fn new(redirect_s: u64) -> Self {
        let mut bucket = service().new_bucket();
        bucket.settings.redirect_s = redirect_s;
        let app = TestApp::start_with(Backend::Sqlite, |config| {
            lasting_sessions(config);
            config.storage.s3 = Some(bucket.settings.clone());
        });
        let market = Market::within(app, 8, &json!({"recipe": revealing(), "dataset": {"rows_promised": 3}}));
        let licence_id = id(&market.sell(50_000).licence);
        Licensed { market, bucket, licence_id }
    }

    fn links(&self, body: &Value) -> Value {
        self.market.buyer.post(&format!("/v1/licences/{}/links", self.licence_id), body).ok()
    }

    fn link(&self, lifetime_s: i64) -> String {
        let links = self.links(&json!({"files": [CSV], "lifetime_s": lifetime_s}));
        below(links["items"][0]["href"].as_str().unwrap())
    }

    fn own(&self) -> Answer {
        self.market.buyer.get(&format!("/v1/licences/{}/files/{CSV}", self.licence_id))
    }
}

/// Asks the service itself.
fn ask_the_service(url: &str, headers: &[(&str, &str)]) -> (u16, Vec<u8>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = headers.iter().fold(agent.get(url), |request, (name, value)| request.header(*name, *value));
    let mut answer = request.call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_vec().unwrap())
}

fn files_below(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

#[test]
fn a_whole_sale_leaves_no_file_on_this_machine() {
    let bucket = service().new_bucket();
    let settings = bucket.settings.clone();
    crate::story::one_sale(Backend::Sqlite, move |config| {
        config.storage.s3 = Some(settings);
        std::fs::set_permissions(&config.data_dir, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::write(config.files_dir(), "no directory, so that nothing can be put below it").unwrap();
    });
    assert!(files_below(&bucket.directory) > 4, "an edition's files, and plays");
}

#[test]
fn files_come_through_the_server_where_no_redirect_is_allowed() {
    let licensed = Licensed::new(0);
    let (anyone, link, own) = (licensed.market.app.anyone(), licensed.link(60), licensed.own());
    assert_eq!((own.status, anyone.get(&link).bytes), (200, own.bytes.clone()));
    let part = anyone.get_with(&link, &[("range", "bytes=2-5")]);
    assert_eq!((part.status, &part.bytes[..]), (206, &own.bytes[2..6]));
}

#[test]
fn a_link_leads_on_to_the_service_for_a_short_time_and_to_that_file_alone() {
    let licensed = Licensed::new(30);
    let (anyone, link, own): (Caller, String, Answer) =
        (licensed.market.app.anyone(), licensed.link(3_600), licensed.own());
    assert_eq!(
        own.status, 200,
        "who has an account gets the file from the server: the service would not know the token"
    );
    let there = anyone.get(&link);
    assert_eq!((there.status, there.bytes.len()), (307, 0), "{}", there.text());
    let url = there.header("location").unwrap();
    assert!(url.contains("X-Amz-Expires=30&"), "{url}");
    assert_eq!(there.header("cache-control"), Some("private, no-store"));
    assert_eq!(ask_the_service(url, &[]), (200, own.bytes.clone()));
    assert_eq!(ask_the_service(url, &[("range", "bytes=2-5")]), (206, own.bytes[2..6].to_vec()));
    assert_eq!(ask_the_service(&url.replace("Expires=30", "Expires=300"), &[]).0, 403, "it is signed");
    assert_eq!(ask_the_service(&url.replace(".csv", ".parquet"), &[]).0, 403);

    let head = anyone.send("HEAD", &link, &[], None);
    assert_eq!((head.status, head.header("content-length")), (200, own.header("content-length")));
    let tag = own.header("etag").unwrap();
    assert_eq!(anyone.get_with(&link, &[("if-none-match", tag)]).status, 304);
    assert_eq!(anyone.get_with(&link, &[("if-match", "\"other\"")]).status, 412);
    anyone.get_with(&link, &[("range", "bytes=99999999-")]).problem(416, "range-not-satisfiable");

    let accesses = format!("/v1/licences/{}/accesses", licensed.licence_id);
    let noted = items(&licensed.market.buyer.get(&accesses).ok());
    let by_link: Vec<&Value> = noted.iter().filter(|access| access["grant_id"].is_string()).collect();
    assert!(
        by_link.iter().any(|access| access["status"] == 307 && access["size_bytes"] == own.bytes.len()),
        "{noted:?}"
    );

    // Never longer than the link itself is good.
    let short = anyone.get(&licensed.link(5));
    assert!(short.header("location").unwrap().contains("X-Amz-Expires=5&"), "{:?}", short.headers);
    let grants = format!("/v1/licences/{}/grants", licensed.licence_id);
    for grant in items(&licensed.market.buyer.get(&grants).ok()) {
        licensed.market.buyer.delete(&format!("/v1/grants/{}", grant["id"].as_str().unwrap())).ok();
    }
    anyone.get(&link).problem(403, "link-refused");
    drop(licensed.bucket);
}

#[test]
fn a_large_file_goes_in_parts_and_comes_in_pieces() {
    let bucket = service().new_bucket();
    let storage = Storage::s3(&bucket.settings).unwrap();
    let content: Vec<u8> = (0..20_000_000_u32).map(|i| (i % 251) as u8).collect();
    let mut upload = storage.upload("editions/large").unwrap();
    for some in content.chunks(999_983) {
        upload.write_all(some).unwrap();
    }
    assert_eq!(files_below(&bucket.directory.join("editions")), 0, "nobody sees anything of it before it is whole");
    assert_eq!(upload.finish().unwrap(), 20_000_000);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for (start, end) in
            [(0, 20_000_000), (0, 1), (8 << 20, 16 << 20), (8_388_607, 8_388_609), (19_999_999, 20_000_000)]
        {
            let pieces: Vec<bytes::Bytes> =
                storage.stream("editions/large", start..end).await.unwrap().try_collect().await.unwrap();
            assert!(pieces.iter().all(|piece| piece.len() <= 1 << 20));
            assert!(pieces.concat() == content[start as usize..end as usize], "{start} to {end}");
        }
        assert!(storage.stream("editions/other", 0..1).await.is_err());
        assert_eq!(storage.sizes("editions").await.unwrap(), [("editions/large".to_owned(), 20_000_000)].into());
        storage.delete("editions/large").await.unwrap();
        storage.delete("editions/large").await.unwrap();
        assert_eq!(storage.list("editions").await.unwrap(), [""; 0]);
    });
}

#[test]
fn an_upload_that_is_given_up_leaves_nothing() {
    let bucket = service().new_bucket();
    let storage = Storage::s3(&bucket.settings).unwrap();
    let mut upload = storage.upload("editions/half").unwrap();
    upload.write_all(&vec![7; 9 << 20]).unwrap();
    drop(upload);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(runtime.block_on(storage.list("editions")).unwrap(), [""; 0]);
    assert_eq!(files_below(&bucket.directory.join("editions")), 0);
}

#[test]
fn a_bucket_that_cannot_be_used_is_named_when_the_server_starts() {
    let refused = |change: fn(&mut S3)| {
        let mut settings = service().new_bucket().settings;
        change(&mut settings);
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        config.storage.s3 = Some(settings);
        actix_web::rt::System::new().block_on(async {
            let ctx = Context::open(config, Clock::system(), Entropy::seeded(1))?;
            ctx.storage.check().await
        })
    };
    let another_secret = |s3: &mut S3| s3.secret_access_key = Some(Secret::from("another".to_owned()));
    refused(|_| {}).unwrap();
    for (change, words) in [
        (another_secret as fn(&mut S3), "cannot be written to the bucket bucket-"),
        (|s3| s3.endpoint = Some("http://127.0.0.1:1".into()), "cannot be written to the bucket bucket-"),
    ] {
        let error = refused(change).unwrap_err();
        assert!(error.detail().contains(words), "{}", error.detail());
        assert!(error.detail().starts_with("[storage.s3]"), "{}", error.detail());
    }
}
