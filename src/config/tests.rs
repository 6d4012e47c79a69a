use super::*;

fn variables(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect::<Vec<_>>().into_iter()
}

#[test]
fn variables_win_over_the_file_and_the_file_over_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("refrain.toml");
    std::fs::write(&path, "[server]\nbind = \"127.0.0.1:1\"\n[auth]\naccess_ttl_s = 5\n").unwrap();
    let set = variables(&[("REFRAIN_SERVER__BIND", "127.0.0.1:2"), ("REFRAIN_REQUIRE_POSTGRES", "1")]);
    let config = Config::load(Some(&path), set).unwrap();
    assert_eq!(config.server.bind.port(), 2);
    assert_eq!(config.auth.access_ttl_s, 5);
    assert_eq!(config.auth.refresh_ttl_days, 30);
}

#[test]
fn a_variable_may_name_a_section_within_a_section() {
    let set = variables(&[
        ("REFRAIN_STORAGE__S3__BUCKET", "pool"),
        ("REFRAIN_STORAGE__S3__ACCESS_KEY_ID", "pool"),
        ("REFRAIN_STORAGE__S3__SECRET_ACCESS_KEY", "hidden"),
        ("REFRAIN_STORAGE__COMPACT_AFTER_S", "5"),
    ]);
    let storage = Config::load(None, set).unwrap().storage;
    let s3 = storage.s3.unwrap();
    assert_eq!((s3.bucket.as_str(), s3.region.as_str(), s3.redirect_s), ("pool", "us-east-1", 0));
    assert_eq!(storage.compact_after_s, 5);
    assert!(!format!("{s3:?}").contains("hidden"));
}

#[test]
fn a_misspelt_setting_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("refrain.toml");
    std::fs::write(&path, "[server]\nbnid = \"127.0.0.1:1\"\n").unwrap();
    assert!(Config::load(Some(&path), variables(&[])).unwrap_err().detail().contains("bnid"));
    for (name, word) in [
        ("REFRAIN_SERVER__BNID", "bnid"),
        ("REFRAIN_SERVRE__BIND", "servre"),
        ("REFRAIN_STORAGE__S3__BUKCET", "bukcet"),
        ("REFRAIN_STORAGE__S3__REGION", "bucket"),
    ] {
        assert!(Config::load(None, variables(&[(name, "x")])).unwrap_err().detail().contains(word));
    }
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("a file");
    std::fs::write(&data_dir, "").unwrap();
    let config = Config { data_dir, ..Config::default() };
    let error = config.prepare_data_dir().unwrap_err();
    assert!(error.detail().contains("a file") && error.detail().contains("--data-dir"), "{}", error.detail());
}

#[test]
fn a_data_directory_is_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { data_dir: dir.path().join("deep/down"), ..Config::default() };
    config.prepare_data_dir().unwrap();
    let mode = std::fs::metadata(&config.data_dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    let open_it = || std::fs::set_permissions(&config.data_dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    open_it();
    config.prepare_data_dir().expect("an empty one is closed");
    assert_eq!(std::fs::metadata(&config.data_dir).unwrap().permissions().mode() & 0o007, 0);
    open_it();
    std::fs::write(config.sqlite_path(), "").unwrap();
    let error = config.prepare_data_dir().unwrap_err();
    assert!(error.detail().contains("chmod o= "), "{}", error.detail());
}

#[test]
fn secrets_do_not_show() {
    let config = Config::load(None, variables(&[("REFRAIN_DATABASE__URL", "postgres://u:hunter2@h/d")])).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(config.database.url.unwrap().expose(), "postgres://u:hunter2@h/d");
}
