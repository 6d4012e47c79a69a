//! Applications of buyers, and what operators decide about them.

use crate::accounts::auth::Auth;
use crate::accounts::caller::{Buyer, Caller, Member, Operator};
use crate::accounts::model::{
    self, Account, AccountState, Decision, Organisation, OrganisationState, Profile, Role, VoteMails,
};
use crate::accounts::{sessions, steps, store};
use crate::audit;
use crate::context::Context;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{AccountId, OrganisationId};
use crate::money::MAX_MINOR;
use crate::outbox;
use crate::page::{Page, PageQuery};
use serde_json::json;

/// An organisation, and the people who act for it.
pub struct Applicant {
    /// The organisation.
    pub organisation: Organisation,
    /// Its active accounts.
    pub accounts: Vec<Account>,
}

/// An account, and the organisation that it acts for.
pub struct Me {
    /// The account.
    pub account: Account,
    /// The organisation of a buyer.
    pub organisation: Option<Organisation>,
    /// Which mails about votes a member wants.
    pub vote_mails: Option<VoteMails>,
}

/// Sets which mails about votes a member wants, from now on.
///
/// # Errors
/// `internal` where the database fails.
pub async fn set_vote_mails(ctx: &Context, member: &Member, wanted: VoteMails) -> Result<Me> {
    let id = member.account_id.clone();
    ctx.db
        .write(move |tx| {
            store::set_vote_mails(tx, &id, wanted)?;
            Ok(Me { account: steps::account(tx, &id)?, organisation: None, vote_mails: Some(wanted) })
        })
        .await
}

/// The caller's own account.
///
/// # Errors
/// `internal` where the database fails.
pub async fn me(ctx: &Context, caller: &Caller) -> Result<Me> {
    let id = caller.account_id.clone();
    let found = ctx.db.read(move |db| {
        let account = steps::account(db, &id)?;
        let organisation = account.organisation_id.as_ref().map(|id| steps::organisation(db, id)).transpose()?;
        let vote_mails = (account.role == Role::Member).then(|| store::vote_mails(db, &id)).transpose()?;
        Ok(Me { account, organisation, vote_mails })
    });
    found.await
}

/// An organisation, for operators and for those who act for it.
///
/// # Errors
/// `not-found`, for everybody else too.
pub async fn read_organisation(ctx: &Context, caller: &Caller, id: OrganisationId) -> Result<Applicant> {
    if caller.role != Role::Operator && caller.organisation_id.as_ref() != Some(&id) {
        return Err(Error::not_found("organisation"));
    }
    let found = ctx.db.read(move |db| {
        let organisation = steps::organisation(db, &id)?;
        Ok(Applicant { organisation, accounts: steps::buyers_of(db, &id)? })
    });
    found.await
}

/// Organisations, newest first, all or those in one state. For operators.
///
/// # Errors
/// `invalid` or `invalid-cursor` for a page that cannot be.
pub async fn list_organisations(
    ctx: &Context,
    _operator: &Operator,
    state: Option<OrganisationState>,
    page: &PageQuery,
) -> Result<Page<Organisation>> {
    let list = format!("organisations {}", state.map_or("all", OrganisationState::as_str));
    let window = ctx.cursors.window(page, &list)?;
    let (after, limit) = (window.after.clone(), window.fetch());
    let rows = ctx.db.read(move |db| store::organisations(db, state, after.as_deref(), limit)).await?;
    Ok(ctx.cursors.page(&window, rows, |organisation| organisation.id.as_str()))
}

/// Hands in an application (again): the buyer's own details, for an operator to read.
///
/// # Errors
/// `invalid` for a field that is not valid, `conflict` where it is approved or refused and too early,
/// `not-found` for an organisation of others.
pub async fn hand_in(ctx: &Context, buyer: &Buyer, id: OrganisationId, profile: Profile) -> Result<Applicant> {
    if buyer.organisation_id != id {
        return Err(Error::not_found("organisation"));
    }
    let profile = profile.checked()?;
    let (account_id, message) = (buyer.account_id.clone(), "The application was decided at this moment; look again.");
    let handed_in = ctx.db.write(move |tx| {
        let was = steps::organisation(tx, &id)?;
        was.may_hand_in(tx.now())?;
        let organisation = Organisation {
            profile: profile.clone(),
            state: OrganisationState::Pending,
            may_reapply_at: None,
            updated_at: tx.now(),
            ..was.clone()
        };
        if !store::update_organisation(tx, was.state, &organisation)? {
            return Err(Error::conflict(message));
        }
        audit::note(tx, &account_id, "organisation.hand_in", id.as_str(), None)?;
        if was.state != OrganisationState::Pending {
            outbox::push(tx, "organisation.registered", &json!({"organisation_id": id}))?;
        }
        Ok(Applicant { organisation, accounts: steps::buyers_of(tx, &id)? })
    });
    handed_in.await
}

/// Decides about an organisation. Its buyers are told, with the reason.
///
/// # Errors
/// `invalid` without a reason, or where the time to apply again has passed; `conflict` where its
/// state does not allow the decision.
pub async fn decide(ctx: &Context, operator: &Operator, id: OrganisationId, decision: Decision) -> Result<Applicant> {
    decision.check()?;
    let actor = operator.account_id.clone();
    let decided = ctx.db.write(move |tx| {
        let (was, now) = (steps::organisation(tx, &id)?, tx.now());
        if decision.as_of().is_some_and(|as_of| as_of != was.updated_at) {
            let changed_at = was.updated_at;
            return Err(Error::conflict(format!("The application was changed at {changed_at}; read it again.")));
        }
        if decision.may_reapply_at().is_some_and(|from| from < now) {
            return Err(Error::invalid("may_reapply_at lies in the past."));
        }
        let organisation = Organisation {
            state: decision.state(),
            decision_reason: Some(decision.reason().to_owned()),
            decided_by: Some(actor.to_string()),
            decided_at: Some(now),
            may_reapply_at: decision.may_reapply_at(),
            updated_at: now,
            ..was.clone()
        };
        let allowed = decision.allowed_from().contains(&was.state);
        if !allowed || !store::update_organisation(tx, was.state, &organisation)? {
            return Err(Error::conflict(format!(
                "The organisation is {}; that does not allow this decision.",
                was.state
            )));
        }
        audit::note(tx, &actor, decision.act(), id.as_str(), Some(decision.reason()))?;
        outbox::push(tx, "organisation.decided", &json!({"organisation_id": id}))?;
        Ok(Applicant { organisation, accounts: steps::buyers_of(tx, &id)? })
    });
    decided.await
}

/// Sets what an organisation may owe at most, in minor units of a pool's currency.
///
/// # Errors
/// `invalid` for a limit out of bounds or without a reason, `not-found`.
pub async fn set_credit_limit(
    ctx: &Context,
    operator: &Operator,
    id: OrganisationId,
    limit_minor: i64,
    reason: String,
) -> Result<Applicant> {
    model::reason(&reason)?;
    if !(0..=MAX_MINOR).contains(&limit_minor) {
        return Err(Error::invalid(format!("credit_limit_minor lies between 0 and {MAX_MINOR}.")));
    }
    let actor = operator.account_id.clone();
    let set = ctx.db.write(move |tx| {
        let was = steps::organisation(tx, &id)?;
        let organisation = Organisation { credit_limit_minor: limit_minor, updated_at: tx.now(), ..was.clone() };
        if !store::update_organisation(tx, was.state, &organisation)? {
            return Err(Error::conflict("The organisation has just changed; look again."));
        }
        let note = format!("{limit_minor}: {reason}");
        audit::note(tx, &actor, "organisation.credit_limit", id.as_str(), Some(&note))?;
        Ok(Applicant { organisation, accounts: steps::buyers_of(tx, &id)? })
    });
    set.await
}

/// Disables an account, which ends its sessions, or lets it in again.
///
/// # Errors
/// `invalid` without a reason, `conflict` for one's own account or one that has left, `not-found`.
pub async fn set_account_state(
    ctx: &Context,
    auth: &Auth,
    operator: &Operator,
    id: AccountId,
    state: AccountState,
    reason: String,
) -> Result<Account> {
    model::reason(&reason)?;
    if id == operator.account_id {
        return Err(Error::conflict("Nobody closes the door on themselves; ask another operator."));
    }
    let (actor, subject) = (operator.account_id.clone(), id.clone());
    let set = ctx.db.write(move |tx| {
        move_to(tx, &subject, state)?;
        let act = if state == AccountState::Active { "account.enable" } else { "account.disable" };
        audit::note(tx, &actor, act, subject.as_str(), Some(&reason))?;
        steps::account(tx, &subject)
    });
    let account = set.await?;
    auth.forget_account(&id);
    Ok(account)
}

fn move_to(tx: &mut Tx, id: &AccountId, state: AccountState) -> Result<()> {
    let (account, now) = (steps::account(tx, id)?, tx.now());
    let from = match state {
        AccountState::Active => AccountState::Disabled,
        AccountState::Disabled => AccountState::Active,
        AccountState::Left => return Err(Error::invalid("state is active or disabled; only its holder can leave.")),
    };
    if !store::move_account(tx, id, from, state, now)? {
        return Err(Error::conflict(format!("The account is {}.", account.state)));
    }
    if state == AccountState::Disabled {
        sessions::revoke_all(tx, id, "the account was disabled")?;
    }
    Ok(())
}
