//! Delta Sharing, as its clients ask: what they are answered, and how they are refused.

use crate::common::Backend;
use crate::common::http::{Answer, Caller};
use crate::links::{Licensed, below};
use serde_json::{Value, json};

/// A tool with the profile of a licence.
struct Tool {
    licensed: Licensed,
    profile: Value,
    tool: Caller,
}

impl Tool {
    fn new(backend: Backend) -> Self {
        let licensed = Licensed::new(backend);
        let profile = profile(&licensed);
        let tool = licensed.market.app.anyone().with_token(profile["bearerToken"].as_str().unwrap());
        Tool { licensed, profile, tool }
    }

    fn get(&self, rest: &str) -> Answer {
        self.tool.get(&format!("/delta-sharing/{rest}"))
    }

    /// Share, schema and table as the lists name them.
    fn names(&self) -> (String, String, String) {
        let listed = |path: &str| self.get(path).ok()["items"][0].clone();
        let share = listed("shares")["name"].as_str().unwrap().to_owned();
        let table = listed(&format!("shares/{share}/all-tables"));
        assert_eq!(table["share"], json!(share));
        (share, table["schema"].as_str().unwrap().to_owned(), table["name"].as_str().unwrap().to_owned())
    }

    fn table(&self) -> String {
        let (share, schema, table) = self.names();
        format!("shares/{share}/schemas/{schema}/tables/{table}")
    }

    fn query(&self, body: &str) -> Answer {
        let path = format!("/delta-sharing/{}/query", self.table());
        self.tool.send("POST", &path, &[("content-type", "application/json; charset=utf-8")], Some(body.as_bytes()))
    }
}

fn profile(licensed: &Licensed) -> Value {
    let path = format!("/v1/licences/{}/profile.share", licensed.licence_id);
    let answer = licensed.buyer().get(&path);
    assert!(
        answer.header("content-disposition").unwrap().ends_with(".share\""),
        "{:?}",
        answer.header("content-disposition")
    );
    answer.ok()
}

/// The lines of an answer; each is ASCII, and one object.
fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson; charset=utf-8"));
    assert_eq!(answer.header("delta-sharing-capabilities"), Some("responseformat=parquet"));
    assert!(answer.header("delta-table-version").is_some());
    assert!(answer.bytes.is_ascii());
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) -> String {
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (status, Some("application/json; charset=utf-8")),
        "{}",
        answer.text()
    );
    let refused: Value = serde_json::from_slice(&answer.bytes).unwrap();
    assert_eq!(refused["errorCode"], code, "{refused}");
    refused["message"].as_str().unwrap().to_owned()
}

crate::on_both_databases!(
    a_tool_finds_the_table_and_reads_it,
    lists_come_in_parts,
    who_shows_no_good_token_is_told_why,
    what_there_is_not_is_said_in_words,
);

fn a_tool_finds_the_table_and_reads_it(backend: Backend) {
    let tool = Tool::new(backend);
    assert_eq!(tool.profile, profile(&tool.licensed), "the same, as long as it is not taken back");
    assert_eq!(tool.profile["shareCredentialsVersion"], 1);
    assert!(tool.profile["endpoint"].as_str().unwrap().ends_with("/delta-sharing/"), "{}", tool.profile);
    assert!(tool.profile["expirationTime"].as_str().unwrap().ends_with(":00.0Z"), "{}", tool.profile);
    let (share, schema, name) = tool.names();
    assert!(
        [&share, &schema, &name]
            .iter()
            .all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit()))
    );
    assert_eq!(name, "artist_preference");
    assert_eq!(tool.get(&format!("shares/{share}")).ok()["share"]["name"], json!(share));
    let schemas = tool.get(&format!("shares/{share}/schemas")).ok();
    assert_eq!(schemas, json!({"items": [{"name": schema, "share": share}]}));
    let tables = tool.get(&format!("shares/{share}/schemas/{schema}/tables")).ok();
    assert_eq!(tables, tool.get(&format!("shares/{share}/all-tables")).ok());
    let version = tool.get(&format!(
        "{}/version",
        tool.table()
            .to_uppercase()
            .replace("SHARES/", "shares/")
            .replace("/SCHEMAS/", "/schemas/")
            .replace("/TABLES/", "/tables/")
    ));
    assert_eq!(
        (version.status, version.header("delta-table-version")),
        (200, Some("1")),
        "names are the same in capitals"
    );
    let metadata = lines(&tool.get(&format!("{}/metadata", tool.table())));
    assert_eq!(metadata[0], json!({"protocol": {"minReaderVersion": 1}}));
    let about = &metadata[1]["metaData"];
    assert_eq!((&about["format"]["provider"], &about["partitionColumns"]), (&json!("parquet"), &json!([])));
    let columns: Value = serde_json::from_str(about["schemaString"].as_str().unwrap()).unwrap();
    let kinds: Vec<(&str, &str)> = columns["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (field["name"].as_str().unwrap(), field["type"].as_str().unwrap()))
        .collect();
    assert!(kinds.contains(&("artist", "string")) && kinds.iter().any(|(_, kind)| *kind == "long"), "{kinds:?}");
    for body in ["{}", "", "{\"limitHint\":2,\"jsonPredicateHints\":\"{}\"}", "{\"version\":1}"] {
        let found = lines(&tool.query(body));
        assert_eq!(found[..2], metadata[..], "{body}");
        let file = &found[2]["file"];
        let stats: Value = serde_json::from_str(file["stats"].as_str().unwrap()).unwrap();
        assert_eq!((stats["numRecords"].clone(), file["partitionValues"].clone()), (json!(3), json!({})));
        let read = tool.licensed.market.app.anyone().get(&below(file["url"].as_str().unwrap()));
        assert_eq!((read.status, read.bytes.len()), (200, usize::try_from(file["size"].as_u64().unwrap()).unwrap()));
        assert!(read.bytes.starts_with(b"PAR1"));
        assert_eq!(read.header("etag"), Some(format!("\"{}\"", file["id"].as_str().unwrap()).as_str()));
    }
    let asked = "responseformat=delta,parquet;readerfeatures=deletionvectors";
    let path = format!("/delta-sharing/{}/metadata", tool.table());
    lines(&tool.tool.get_with(&path, &[("delta-sharing-capabilities", asked), ("fileidhash", "SHA256")]));
    let delta = tool.tool.get_with(&path, &[("delta-sharing-capabilities", "responseformat=delta")]);
    assert!(refused(&delta, 400, "MALFORMED_REQUEST").contains("parquet"));
}

fn lists_come_in_parts(backend: Backend) {
    let tool = Tool::new(backend);
    assert_eq!(tool.get("shares?maxResults=0").ok(), json!({"items": [], "nextPageToken": "0"}));
    assert_eq!(tool.get("shares?maxResults=1&pageToken=0").ok(), tool.get("shares").ok());
    assert_eq!(tool.get("shares?pageToken=").ok(), tool.get("shares").ok());
    for wrong in ["maxResults=501", "maxResults=-1", "maxResults=many", "pageToken=x", "pageToken=2"] {
        refused(&tool.get(&format!("shares?{wrong}")), 400, "INVALID_PARAMETER_VALUE");
    }
}

fn who_shows_no_good_token_is_told_why(backend: Backend) {
    let tool = Tool::new(backend);
    let (anyone, table) = (tool.licensed.market.app.anyone(), tool.table());
    let token = tool.profile["bearerToken"].as_str().unwrap().to_owned();
    let forged = format!("{}0", &token[..token.len() - 1]);
    for wrong in ["", "x", "grant_01jd2k8m0wfv9s3x6q4r7t5y2z.00", &forged.replace('0', "1"), &token.to_uppercase()] {
        let answer = anyone.with_token(wrong).get("/delta-sharing/shares");
        assert!(refused(&answer, 401, "NOT_AUTHENTICATED").contains("profile"), "{wrong}");
    }
    refused(&anyone.get("/delta-sharing/shares"), 401, "NOT_AUTHENTICATED");
    refused(&tool.licensed.buyer().get("/delta-sharing/shares"), 401, "NOT_AUTHENTICATED");
    anyone.with_token(&token).get("/v1/me").problem(401, "not-authenticated");
    let link = below(lines(&tool.query("{}"))[2]["file"]["url"].as_str().unwrap());
    let grant = token.split('.').next().unwrap();
    tool.licensed.buyer().delete(&format!("/v1/grants/{grant}")).ok();
    assert!(refused(&tool.get(&format!("{table}/metadata")), 403, "LINK_REFUSED").contains("taken back"));
    anyone.get(&link).problem(403, "link-refused");
    let next = profile(&tool.licensed);
    assert_ne!(next["bearerToken"], tool.profile["bearerToken"], "a new one is another");
    let again = anyone.with_token(next["bearerToken"].as_str().unwrap());
    assert_eq!(again.get("/delta-sharing/shares").status, 200);
    tool.licensed.market.app.advance_days(31);
    let over = refused(&again.get(&format!("/delta-sharing/{table}/version")), 403, "LICENCE_EXPIRED");
    assert!(over.contains("The licence ended at 20"), "{over}");
}

fn what_there_is_not_is_said_in_words(backend: Backend) {
    let tool = Tool::new(backend);
    let (share, schema, name) = tool.names();
    for missing in [
        "shares/other".to_owned(),
        "shares/other/all-tables".to_owned(),
        format!("shares/{share}/schemas/other/tables"),
        format!("shares/{share}/schemas/other/tables/{name}/metadata"),
        format!("shares/{share}/schemas/{schema}/tables/other/version"),
        format!("{}/metadata?version=2", tool.table()),
        format!("{}/metadata?timestamp=2020-01-01T00:00:00Z", tool.table()),
        format!("{}/version?startingTimestamp=2100-01-01T00:00:00Z", tool.table()),
        "nothing/here".to_owned(),
    ] {
        refused(&tool.get(&missing), 404, "RESOURCE_DOES_NOT_EXIST");
    }
    refused(&tool.query("{\"version\":7}"), 404, "RESOURCE_DOES_NOT_EXIST");
    refused(&tool.query("{\"startingVersion\":1}"), 400, "MALFORMED_REQUEST");
    refused(&tool.query("{\"timestamp\":\"2020-01-01T00:00:00Z\"}"), 404, "RESOURCE_DOES_NOT_EXIST");
    refused(&tool.query("{\"timestamp\":\"yesterday\"}"), 400, "INVALID_PARAMETER_VALUE");
    assert_eq!(tool.query("{\"timestamp\":\"2100-01-01T00:00:00Z\"}").status, 200);
    assert_eq!(tool.get(&format!("{}/version?startingTimestamp=2020-01-01T00:00:00Z", tool.table())).status, 200);
    refused(&tool.query("{"), 400, "MALFORMED_REQUEST");
    refused(&tool.get(&format!("{}/changes?startingVersion=0", tool.table())), 404, "RESOURCE_DOES_NOT_EXIST");
    refused(&tool.tool.delete("/delta-sharing/shares"), 400, "METHOD_NOT_ALLOWED");
}
