DELETE FROM jobs WHERE kind = 'tell_leavers';
ALTER TABLE ledger_accounts DROP CONSTRAINT ledger_accounts_kind_check;
ALTER TABLE ledger_accounts ADD CONSTRAINT ledger_accounts_kind_check
    CHECK (kind IN ('buyer_receivable', 'bank', 'pool_revenue', 'fee', 'tax', 'member_payable'));
ALTER TABLE licences DROP CONSTRAINT licences_state_check;
ALTER TABLE licences ADD CONSTRAINT licences_state_check
    CHECK (state IN ('preparing', 'active', 'expired', 'revoked', 'cancelled'));
DROP TABLE leavers_notices;
DROP TABLE recalls;
