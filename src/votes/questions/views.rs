//! Questions as the API takes and shows them.

use super::model::Question;
use crate::clock::UtcTime;
use crate::ids::{AccountId, QuestionId, VoteId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A question.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "Who at the station will see the edition?"}))]
pub struct NewQuestion {
    /// What you ask: 1 to 1,000 characters. The pool's members, the buyer and operators read it, without your name.
    #[schema(min_length = 1, max_length = 1000)]
    pub text: String,
}

/// An answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "The three people who choose what is played."}))]
pub struct NewAnswer {
    /// What you answer: 1 to 1,000 characters. It cannot be changed, and changes no terms.
    #[schema(min_length = 1, max_length = 1000)]
    pub text: String,
}

/// Withholds a question.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "It names a person."}))]
pub struct WithholdQuestion {
    /// Why, in words that stand in place of the question: 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// A question with its answer. Who asked is told to nobody.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "question_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "vote_id": "vote_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "text": "Who at the station will see the edition?",
    "asked_at": "2026-01-02T09:30:00Z",
    "yours": true,
    "answer": {"text": "The three people who choose what is played.", "answered_at": "2026-01-02T15:00:00Z"}
}))]
pub struct QuestionView {
    /// Its id.
    pub id: QuestionId,
    /// The vote that it was asked in.
    pub vote_id: VoteId,
    /// What was asked, unless it is withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When.
    pub asked_at: UtcTime,
    /// True where you asked; missing where somebody else did.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub yours: bool,
    /// What the buyer answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerView>,
    /// That an operator withholds question and answer, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<WithheldView>,
}

/// An answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "text": "The three people who choose what is played.", "answered_at": "2026-01-02T15:00:00Z"
}))]
pub struct AnswerView {
    /// What was answered.
    pub text: String,
    /// When.
    pub answered_at: UtcTime,
}

/// Why a question is not shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"reason": "It names a person.", "withheld_at": "2026-01-02T16:00:00Z"}))]
pub struct WithheldView {
    /// The operator's reason.
    pub reason: String,
    /// Since when.
    pub withheld_at: UtcTime,
}

impl QuestionView {
    /// A question as somebody is shown it.
    pub fn of(question: Question, looks: &AccountId) -> Self {
        let yours = question.member_id.as_ref() == Some(looks);
        let withheld = question.withheld_reason.zip(question.withheld_at);
        let is_shown = withheld.is_none();
        let answer = question.answer.zip(question.answered_at).filter(|_| is_shown);
        QuestionView {
            id: question.id,
            vote_id: question.vote_id,
            text: is_shown.then_some(question.body),
            asked_at: question.asked_at,
            yours,
            answer: answer.map(|(text, answered_at)| AnswerView { text, answered_at }),
            withheld: withheld.map(|(reason, withheld_at)| WithheldView { reason, withheld_at }),
        }
    }
}
