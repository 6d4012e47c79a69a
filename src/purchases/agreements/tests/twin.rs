//! The twin of an agreement in the words of ODRL.

use super::*;

const ASSIGNER: &str = "odrl:assigner";
const ASSIGNEE: &str = "odrl:assignee";

/// The name of a rule's action, which has one of its own where it is refined.
fn action(rule: &Value) -> String {
    let action = &rule["odrl:action"];
    let name = if action["rdf:value"].is_null() { action } else { &action["rdf:value"] };
    name["@id"].as_str().unwrap().to_owned()
}

fn twin(changes: &Value) -> Value {
    serde_json::from_str(&documents(WORDING, &facts(), &terms_with(changes)).jsonld).unwrap()
}

/// The restrictions of the W3C's model: each rule has one action and one target, an agreement names both parties, and what is
/// not a word of the core vocabulary is one of the profile and explained.
#[test]
fn the_twin_keeps_to_the_model_of_odrl() {
    let freeze = json!({"models_after_term": "freeze", "exclusive_until": "2026-06-01T00:00:00Z"});
    let delete = json!({"models_after_term": "delete", "redistribution": "results"});
    for changes in [json!({}), freeze, delete] {
        let twin = twin(&changes);
        assert_eq!((&twin["@type"], &twin["@id"]), (&json!("odrl:Agreement"), &twin["odrl:uid"]["@id"]));
        assert_eq!(twin["odrl:profile"]["@id"], "urn:refrain:odrl:1");
        assert_eq!(twin["dct:issued"], json!({"@type": "xsd:dateTime", "@value": "2026-01-09T08:00:00Z"}));
        let rules = |kind: &str| match &twin[kind] {
            Value::Array(rules) => rules.clone(),
            Value::Null => Vec::new(),
            rule => vec![rule.clone()],
        };
        let explained = twin["@included"].as_array().unwrap();
        for kind in ["odrl:permission", "odrl:prohibition", "odrl:obligation"] {
            for rule in rules(kind) {
                // Whoever has to do something is the assignee of that duty: to pay back, the licensor.
                let is_refund = !rule["odrl:compensatedParty"].is_null();
                let (by, to) = if is_refund { (ASSIGNEE, ASSIGNER) } else { (ASSIGNER, ASSIGNEE) };
                for (part, of) in [("odrl:target", "odrl:target"), (ASSIGNER, by), (ASSIGNEE, to)] {
                    assert_eq!(rule[part]["@id"], twin[of]["@id"], "{kind} {part}");
                }
                let action = action(&rule);
                let is_core =
                    ["odrl:use", "odrl:sell", "odrl:distribute", "odrl:compensate"].contains(&action.as_str());
                assert!(is_core || explained.iter().any(|word| word["@id"] == action), "{action}");
            }
        }
        let actions = |kind: &str| -> Vec<String> {
            let own = |rule: &Value| action(rule).replace("urn:refrain:odrl:1#", "");
            rules(kind).iter().map(own).collect()
        };
        let both = [actions("odrl:permission"), actions("odrl:prohibition")].concat();
        assert_eq!(both.iter().filter(|action| *action == "handOnResults").count(), 1, "allowed or not: {both:?}");
        assert!(actions("odrl:prohibition").contains(&"trainModels".into()));
        let deletes = actions("odrl:obligation").contains(&"deleteModelsAfterTerm".into());
        assert_eq!(deletes, changes["models_after_term"] == "delete");
        let to_use = &rules("odrl:permission")[0];
        let pays = &to_use["odrl:duty"]["odrl:action"]["odrl:refinement"];
        assert_eq!(pays["odrl:rightOperand"], json!({"@type": "xsd:decimal", "@value": "65450"}));
        assert_eq!(pays["odrl:unit"]["@id"], "http://cvx.iptc.org/iso4217a/USD");
        assert_eq!(to_use["odrl:duty"]["refrain:fulfilledAt"]["@value"], "2026-01-09T08:00:00Z");
        assert_eq!(to_use["odrl:constraint"][2]["odrl:rightOperand"]["@value"], "P365D");
    }
}

#[test]
fn what_is_paid_back_for_few_rows_is_a_duty_of_the_licensor() {
    let half = twin(&json!({"refund": {"below_rows": 50, "refund_bp": 5_000}}));
    let duty = &half["odrl:obligation"];
    assert_eq!(action(duty), "odrl:compensate");
    assert_eq!((&duty[ASSIGNEE]["@id"], &duty["odrl:compensatedParty"]), (&half[ASSIGNER]["@id"], &duty[ASSIGNER]));
    let pays = &duty["odrl:action"]["odrl:refinement"];
    assert_eq!(pays["odrl:rightOperand"], json!({"@type": "xsd:decimal", "@value": "32725"}), "half of 65,450");
    let rows = json!({
        "@type": "odrl:Constraint", "odrl:leftOperand": {"@id": "urn:refrain:odrl:1#rows"}, "odrl:operator": {"@id": "odrl:lt"},
        "odrl:rightOperand": 50
    });
    assert_eq!(duty["odrl:constraint"], rows);
    assert!(half["@included"].as_array().unwrap().iter().any(|word| word["@id"] == "urn:refrain:odrl:1#rows"));
    let without = twin(&json!({"refund": {"below_rows": 0, "refund_bp": 10_000}}));
    assert!(without["odrl:obligation"].is_null(), "{}", without["odrl:obligation"]);
    let both = twin(&json!({"models_after_term": "delete"}));
    assert_eq!(both["odrl:obligation"].as_array().map(Vec::len), Some(2));
}
