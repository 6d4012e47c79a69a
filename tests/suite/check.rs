//! `refrain check` finds what was tampered with or lost, and blesses nothing that is not there.

use crate::common::Backend;
use crate::common::market::Market;
use diesel::prelude::*;
use refrain::db::backend::{Access, Target};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether all is well, and what was printed.
fn check(directory: &Path, flags: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refrain"));
    let done = command.arg("check").arg("--data-dir").arg(directory).args(flags).output().unwrap();
    let printed = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (done.status.success(), printed)
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The first file below a directory whose name ends like this.
fn find(directory: &Path, ending: &str) -> PathBuf {
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                return path;
            }
        }
    }
    panic!("no file ends with {ending}");
}

/// A copy of a healthy house, to be tampered with.
struct House {
    healthy: tempfile::TempDir,
}

impl House {
    fn after_one_sale() -> Self {
        let market = Market::open(Backend::Sqlite, 8);
        market.sell(50_000);
        House::of(&market)
    }

    /// Members' plays have just come together in the files of their shards.
    fn after_compaction() -> Self {
        let market = Market::open(Backend::Sqlite, 8);
        for shard in 0..refrain::histories::model::SHARDS {
            market.app.block_on(refrain::erasure::actions::compact(&market.app.ctx, shard)).unwrap();
        }
        House::of(&market)
    }

    fn of(market: &Market) -> Self {
        let healthy = tempfile::tempdir().unwrap();
        copy(&market.app.ctx.config.data_dir, healthy.path());
        House { healthy }
    }

    fn with(&self, tamper: impl Fn(&Path)) -> (bool, String) {
        let directory = tempfile::tempdir().unwrap();
        copy(self.healthy.path(), directory.path());
        tamper(directory.path());
        check(directory.path(), &[])
    }
}

fn run(directory: &Path, sql: &str) {
    let target = Target::choose(None, &directory.join("refrain.db")).unwrap();
    let mut db = target.connect(Access::Write).unwrap();
    assert!(diesel::sql_query(sql).execute(&mut db).unwrap() > 0, "{sql}");
}

#[test]
fn what_was_tampered_with_is_found() {
    let house = House::after_one_sale();
    let (whole, printed) = house.with(|_| {});
    assert!(whole && printed.contains("Everything is whole"), "{printed}");
    for (sql, says) in [
        (
            "UPDATE electors SET choice = 'no' WHERE member_id = (SELECT min(member_id) FROM electors WHERE choice = 'yes')",
            "but its ballots are 7 yes, 1 no",
        ),
        ("UPDATE offers SET terms_json = replace(terms_json, '50000', '50001')", "other terms than those"),
        (
            "UPDATE offers SET price_minor = price_minor + 1, total_minor = total_minor + 1",
            "other amounts than its terms",
        ),
        ("DELETE FROM payouts WHERE id = (SELECT min(id) FROM payouts)", "lacks 1 of 8 shares"),
        ("UPDATE payouts SET amount_minor = amount_minor + 1", "pays out more than was paid"),
        (
            "UPDATE transfers SET amount_minor = amount_minor + 1 WHERE id = (SELECT min(transfer_id) FROM payouts)",
            "shares that are not what the books say",
        ),
        (
            "UPDATE transfers SET amount_minor = amount_minor + 1 WHERE kind = 'posted' AND resolves_id IS NULL
                AND subject_id LIKE 'purchase%'",
            "has 1 in minor units left on the buyer's account",
        ),
        ("UPDATE transfers SET amount_minor = amount_minor + 1 WHERE resolves_id IS NOT NULL", "does not fit it"),
        ("DELETE FROM budget_entries", "PROBLEM"),
        (
            "UPDATE agreements SET txt = replace(txt, 'USD 500.00', 'USD 600.00')",
            "the text is not the one that was signed",
        ),
        (
            "UPDATE licences SET terms_json = replace(terms_json, '50000', '50001')",
            "The terms are not those that were signed",
        ),
        ("DELETE FROM agreements", "has no agreement"),
        (
            "UPDATE vote_leaves SET choice = 'no' WHERE log_index = 0",
            "a log with other ballots than those that were counted",
        ),
        ("UPDATE votes SET tag_key = tag_key, electorate_root = tag_key", "another electorate than its root says"),
        (
            "UPDATE recipes SET document_hash = replace(document_hash, substr(document_hash, 1, 1), 'g')",
            "is not the one that was hashed",
        ),
    ] {
        let (whole, printed) = house.with(|directory| run(directory, sql));
        assert!(!whole && printed.contains(says), "{sql}: {printed}");
    }
}

#[test]
fn recalls_that_do_not_hold_are_found() {
    let market = Market::open(Backend::Sqlite, 2);
    let edition = |sold: crate::common::market::Sold| sold.licence["edition_id"].as_str().unwrap().to_owned();
    let (one, two) = (edition(market.sell(50_000)), edition(market.sell(50_000)));
    for (edition, remedy) in [(one, "refund"), (two, "replacement")] {
        let recall = json!({"ground": "error", "reason": "Counted twice.", "remedy": remedy});
        market.operator.post(&format!("/v1/editions/{edition}/recall"), &recall).ok();
    }
    let house = House::of(&market);
    let (whole, printed) = house.with(|_| {});
    assert!(whole, "{printed}");
    for (sql, says) in [
        ("UPDATE licences SET state = 'active' WHERE state = 'recalled'", "whose recall is refunded"),
        ("UPDATE licences SET state = 'active' WHERE state = 'suspended'", "whose recall is replacing"),
        (
            "UPDATE recalls SET state = 'replaced', resolved_at = recalled_at WHERE state = 'replacing'",
            "but what replaces it is preparing",
        ),
        ("DELETE FROM recalls WHERE state = 'replacing'", "but its edition was not recalled"),
        ("UPDATE editions SET subject_id = 'x' WHERE state = 'preparing'", "was made for another"),
        (
            "UPDATE transfers SET amount_minor = amount_minor - 1 WHERE memo = 'refund: the edition was recalled'",
            "and should have cost",
        ),
        (
            "UPDATE offers SET state = 'voting', edition_id = (SELECT min(edition_id) FROM recalls)",
            "which was recalled, and is voting",
        ),
    ] {
        let (whole, printed) = house.with(|directory| run(directory, sql));
        assert!(!whole && printed.contains(says), "{sql}: {printed}");
    }
}

#[test]
fn lists_of_artists_that_were_tampered_with_are_found() {
    let recipe = json!({"kind": "buyer_panel", "floor_members": null, "delta_pico": null});
    let market = Market::with(Backend::Sqlite, 1, &json!({"recipe": recipe}));
    market.send(&market.buyer, &market.asks(50_000, &json!({"artists": ["A", "B"]}))).ok();
    let healthy = tempfile::tempdir().unwrap();
    copy(&market.app.ctx.config.data_dir, healthy.path());
    let house = House { healthy };
    let (whole, printed) = house.with(|_| {});
    assert!(whole, "{printed}");
    let json = r#"'["A","C"]'"#;
    for (sql, says) in [
        (format!("UPDATE artist_lists SET artists_json = {json}"), "holds others than those that were hashed"),
        ("UPDATE offers SET artist_list_sha256 = NULL".into(), "names another list of artists than its terms"),
    ] {
        let (whole, printed) = house.with(|directory| run(directory, &sql));
        assert!(!whole && printed.contains(says), "{sql}: {printed}");
    }
}

#[test]
fn files_that_are_lost_or_changed_are_found_and_those_of_nobody_removed() {
    let house = House::after_one_sale();
    let flip = |path: PathBuf| {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[3] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    let cut = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    };
    let lose = |path: PathBuf| std::fs::remove_file(path).unwrap();
    let editions = |directory: &Path| find(&directory.join("files/editions"), ".csv");
    let plays = |directory: &Path| find(&directory.join("files/plays"), ".parquet");
    for (tamper, says) in [
        (&(|directory: &Path| flip(editions(directory))) as &dyn Fn(&Path), "is not what its digest says"),
        (&|directory: &Path| cut(editions(directory)), "bytes and had"),
        (&|directory: &Path| cut(plays(directory)), "bytes and had"),
        (&|directory: &Path| lose(plays(directory)), "is missing; restore it from a backup"),
        (&|directory: &Path| std::fs::write(directory.join("files/plays/left"), "x").unwrap(), "Nothing refers to"),
    ] {
        let (whole, printed) = house.with(tamper);
        assert!(!whole && printed.contains(says), "{says}: {printed}");
    }
    let left = house.healthy.path().join("files/plays/left");
    std::fs::write(&left, "x").unwrap();
    let (whole, printed) = check(house.healthy.path(), &["--remove-orphans"]);
    assert!(whole && printed.contains("removed") && !left.exists(), "{printed}");
}

#[test]
fn shards_that_lack_somebodys_plays_are_found_and_replaced_files_are_let_be_until_they_are_overdue() {
    let house = House::after_compaction();
    let not_due = "UPDATE files_to_delete SET due_at = '2100-01-01 00:00:00'";
    let (whole, printed) = house.with(|directory| run(directory, not_due));
    assert!(whole, "what was merged may still be read: {printed}");
    let (one, another) = ("(SELECT min(object_key) FROM plays_shards)", "(SELECT max(object_key) FROM plays_shards)");
    let swapped = format!("UPDATE plays_files SET object_key = {one}, shard = NULL WHERE object_key = {another}");
    for (sql, says) in [
        ("UPDATE files_to_delete SET due_at = '2025-01-01 00:00:00'", "Nothing refers to the stored file plays/"),
        (swapped.as_str(), "holds no plays of acct_"),
        ("UPDATE plays_files SET shard = (shard + 1) % 256", "stand in a shard that is not theirs"),
        ("DELETE FROM plays_shards", "is not in force"),
        ("UPDATE plays_shards SET counts_bytes = counts_bytes + 1", "bytes and had"),
    ] {
        let (whole, printed) = house.with(|directory| run(directory, sql));
        assert!(!whole && printed.contains(says), "{sql}: {printed}");
    }
    let lose =
        |directory: &Path| std::fs::remove_file(find(&directory.join("files/shards"), ".counts.parquet")).unwrap();
    let (whole, printed) = house.with(lose);
    assert!(!whole && printed.contains("is missing; restore it from a backup"), "{printed}");
}

#[test]
fn a_directory_without_an_installation_is_told_and_left_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("mistyped");
    let (whole, printed) = check(&missing, &[]);
    assert!(!whole && printed.contains("mistyped") && printed.contains("--data-dir"), "{printed}");
    assert!(!missing.exists());
}

#[test]
fn a_damaged_database_is_told_in_words() {
    let house = House::after_one_sale();
    let (whole, printed) = house.with(|directory| {
        let _ = std::fs::remove_file(directory.join("refrain.db-wal"));
        let path = directory.join("refrain.db");
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 8_192].fill(0xA5);
        std::fs::write(path, bytes).unwrap();
    });
    assert!(!whole && printed.contains("PROBLEM  Database: "), "{printed}");
}

/// What is left of an installation is no fresh one: nothing is made, and nothing is taken for nobody's.
#[test]
fn what_is_left_of_an_installation_is_not_taken_for_a_whole_one() {
    let house = House::after_one_sale();
    let files = |directory: &Path| -> usize {
        std::fs::read_dir(directory.join("files"))
            .unwrap()
            .map(|kind| std::fs::read_dir(kind.unwrap().path()).unwrap().count())
            .sum()
    };
    let emptied = |directory: &Path| {
        std::fs::write(directory.join("refrain.db"), b"").unwrap();
        let _ = std::fs::remove_file(directory.join("refrain.db-wal"));
    };
    let locked_out = |directory: &Path| std::fs::remove_dir_all(directory.join("keys")).unwrap();
    for (damage, says) in [(&emptied as &dyn Fn(&Path), "is empty; restore it"), (&locked_out, "keys are not in")] {
        let directory = tempfile::tempdir().unwrap();
        copy(house.healthy.path(), directory.path());
        damage(directory.path());
        let before = files(directory.path());
        let (whole, printed) = check(directory.path(), &["--remove-orphans"]);
        assert!(!whole && printed.contains(says), "{printed}");
        assert_eq!((before > 0, files(directory.path())), (true, before));
        assert!(!directory.path().join("keys").exists() || says.contains("empty"), "no keys were made");
    }
}

#[test]
fn no_file_is_removed_beside_a_server() {
    let market = Market::open(Backend::Sqlite, 1);
    let directory = &market.app.ctx.config.data_dir;
    let (done, printed) = check(directory, &["--remove-orphans"]);
    assert!(!done && printed.contains("A server runs on this data directory"), "{printed}");
}
