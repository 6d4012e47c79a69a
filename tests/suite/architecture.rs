//! The arrows between the rooms run one way: a module imports only what stands before it in the list.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The order of the house. ARCHITECTURE.md shows the same list.
const ORDER: &[&str] = &[
    "text",
    "error",
    "clock",
    "config",
    "ids",
    "money",
    "db",
    "telemetry",
    "zcdp",
    "body",
    "query",
    "accept",
    "page",
    "storage",
    "secrets",
    "signing",
    "idempotency",
    "outbox",
    "queue",
    "audit",
    "context",
    "accounts",
    "webhooks",
    "pools",
    "histories",
    "aggregates",
    "datasets",
    "votes",
    "ledger",
    "offers",
    "purchases",
    "payouts",
    "downloads",
    "notify",
    "erasure",
    "upkeep",
    "jobs",
    "routes",
    "app",
    "cli",
];

/// Files longer than this do not read well any more.
const LINES_MAX: usize = 500;

/// The files that may know the web framework: where requests come in and answers go out.
const ACTIX: &[&str] = &[
    "routes",
    "caller.rs",
    "address.rs",
    "cache.rs", // answers as they go out
    "upload.rs",
    "answers.rs",
    "app.rs",
    "error.rs",
    "telemetry.rs",
    "idempotency.rs",
    "body.rs",
    "query.rs",
    "accept.rs",
    "cli",
];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut waiting = vec![root.clone()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    assert!(found.len() > 30, "the sources were not found");
    found
}

/// The room that a file belongs to: its first directory, or its name.
fn room(path: &Path) -> String {
    path.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The rooms that a line imports: `use crate::a::b`, `use crate::{a, b::c}`, `crate::a::b(…)`.
fn imports(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or("");
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            let mut word = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if start && (c.is_ascii_lowercase() || c == '_') => word.push(c),
                    ' ' => {}
                    _ => start = false,
                }
                if !start && !word.is_empty() || (c == ',' && !word.is_empty()) {
                    rooms.push(std::mem::take(&mut word));
                }
            }
            rooms.extend((!word.is_empty()).then_some(word));
        } else {
            let word: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            rooms.push(word);
        }
    }
    rooms
}

#[test]
fn a_module_imports_only_what_stands_before_it() {
    let place: BTreeMap<&str, usize> = ORDER.iter().enumerate().map(|(i, name)| (*name, i)).collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let here = room(&path);
        if here == "lib" || here == "main" {
            continue;
        }
        let here_at = *place.get(here.as_str()).unwrap_or_else(|| panic!("{here} is not in the order of the house"));
        for (number, line) in text.lines().enumerate() {
            for other in imports(line) {
                if other != here && place.get(other.as_str()).is_some_and(|other_at| *other_at > here_at) {
                    wrong.push(format!("{}:{}: {here} imports {other}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that run back:\n{}", wrong.join("\n"));
}

#[test]
fn the_guard_reads_imports_as_they_are_written() {
    assert_eq!(imports("use crate::votes::model::Vote;"), ["votes"]);
    assert_eq!(
        imports("use crate::{erasure, notify, offers::model, payouts};"),
        ["erasure", "notify", "offers", "payouts"]
    );
    assert_eq!(imports("    let x = crate::jobs::run(); // crate::cli"), ["jobs"]);
    assert_eq!(imports("use std::fmt;"), Vec::<String>::new());
}

#[test]
fn files_stay_readable() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| text.lines().count() > LINES_MAX)
        .map(|(path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
        .collect();
    assert!(long.is_empty(), "files over {LINES_MAX} lines:\n{}", long.join("\n"));
}

#[test]
fn the_web_framework_stays_at_the_edge() {
    let wrong: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| {
            !path
                .iter()
                .any(|part| ACTIX.iter().any(|allowed| part == *allowed || part == format!("{allowed}.rs").as_str()))
        })
        .filter(|(path, _)| {
            !path.iter().any(|part| ["tests", "tests.rs", "fixture.rs"].iter().any(|test| part == *test))
        })
        .filter(|(_, text)| text.lines().any(|line| line.trim_start().starts_with("use actix")))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "actix outside of the edge: {wrong:?}");
}

#[test]
fn the_query_engine_stays_in_its_rooms() {
    let wrong: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| !["aggregates", "histories"].contains(&room(path).as_str()))
        .filter(|(_, text)| text.lines().any(|line| line.trim_start().starts_with("use datafusion")))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "DataFusion outside of its rooms: {wrong:?}");
}

#[test]
fn the_map_in_the_documentation_is_the_order_of_the_house() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let wanted = ORDER.join(" ");
    let written = text.split_whitespace().filter(|word| *word != "→").collect::<Vec<_>>().join(" ");
    assert!(written.contains(&wanted), "ARCHITECTURE.md does not show the order: {wanted}");
}
