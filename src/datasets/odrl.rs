//! Terms in the words of ODRL 2.2, as offers and agreements share them: who may do what with what, and for how much.
//!
//! Each rule names its own target and parties, and one action: so they stand in the W3C's model restrictions, and whoever reads a
//! rule alone has all of it. What the core vocabulary has no word for is a word of [`PROFILE`].

use crate::money::Money;
use serde_json::{Value, json};

/// What the terms say beyond the words of ODRL, such as to find out who somebody is from what was published of many.
pub const PROFILE: &str = "urn:refrain:odrl:1";

/// Whose rules about what.
pub struct Between<'a> {
    /// What they are about.
    pub target: &'a str,
    /// Who grants.
    pub assigner: &'a str,
    /// To whom; an offer is to everybody.
    pub assignee: Option<&'a str>,
}

impl Between<'_> {
    /// What may be done.
    pub fn permission(&self, action: Value) -> Value {
        self.rule("odrl:Permission", action)
    }

    /// What may not be done.
    pub fn prohibition(&self, action: Value) -> Value {
        self.rule("odrl:Prohibition", action)
    }

    /// What is to be done.
    pub fn obligation(&self, action: Value) -> Value {
        self.rule("odrl:Duty", action)
    }

    fn rule(&self, kind: &str, action: Value) -> Value {
        let mut rule = json!({
            "@type": kind, "odrl:target": {"@id": self.target}, "odrl:assigner": {"@id": self.assigner}, "odrl:action": action,
        });
        if let Some(assignee) = self.assignee {
            rule["odrl:assignee"] = json!({"@id": assignee});
        }
        rule
    }
}

/// A word of the core vocabulary.
pub fn core(word: &str) -> Value {
    json!({"@id": format!("odrl:{word}")})
}

/// A word of our own.
pub fn own(word: &str) -> Value {
    json!({"@id": format!("{PROFILE}#{word}")})
}

/// What must hold of what.
pub fn constraint(left: Value, operator: &str, right: Value) -> Value {
    json!({
        "@type": "odrl:Constraint", "odrl:leftOperand": left, "odrl:operator": core(operator), "odrl:rightOperand": right,
    })
}

/// The duty to pay an amount, or so much at least.
pub fn compensation(operator: &str, amount: &Money) -> Value {
    let decimal = json!({"@type": "xsd:decimal", "@value": amount.in_units()});
    let mut refinement = constraint(core("payAmount"), operator, decimal);
    refinement["odrl:unit"] = json!({"@id": format!("http://cvx.iptc.org/iso4217a/{}", amount.currency)});
    json!({"@type": "odrl:Duty", "odrl:action": {"rdf:value": core("compensate"), "odrl:refinement": refinement}})
}
