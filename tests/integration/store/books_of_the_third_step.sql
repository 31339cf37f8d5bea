-- A sale with a refund that was counted twice, a sale under a plan without a share, units of which some were free, and a
-- refund whose sale has not come.
insert into plan_version (plan, version, currency, rounding, fee, free_units, share)
    values ('standard', 1, 'CNY', 'half-up', '0.01', 3, '2.5'), ('flat', 1, 'CNY', 'half-up', '0.01', 0, null);
insert into usage (id, node, sequence, at, snapshot, app, partner, credential, credential_id, product, plan, plan_version,
    method, status, latency, bytes_in, bytes_out, outcome, units, transaction_id, transaction_of, transaction_kind, amount,
    currency)
    values ('u1', 'n', 1, 0, 's', 'a', 'p', 'api_key', 'k', 'store', 'standard', 1, 'GET', 200, 0, 0, 0, 'billable', 5,
        'o-1', null, 'sale', 10000, 'CNY'),
    ('u2', 'n', 2, 0, 's', 'a', 'p', 'api_key', 'k', 'store', 'standard', 1, 'GET', 200, 0, 0, 0, 'billable', 0,
        'r-1', 'o-1', 'refund', 4000, 'CNY'),
    ('u3', 'n', 3, 0, 's', 'a', 'p', 'api_key', 'k', 'store', 'standard', 1, 'GET', 200, 0, 0, 0, 'billable', 0,
        'r-1', 'o-1', 'refund', 4000, 'CNY'),
    ('u4', 'n', 4, 0, 's', 'a', 'p', 'api_key', 'k', 'store', 'flat', 1, 'GET', 200, 0, 0, 0, 'billable', 0,
        's-1', null, 'sale', 700, 'CNY'),
    ('u5', 'n', 5, 0, 's', 'a', 'p', 'api_key', 'k', 'store', 'standard', 1, 'GET', 200, 0, 0, 0, 'billable', 0,
        'r-5', 'o-9', 'refund', 300, 'CNY');
insert into usage_exception (id, kind, at, usage, app, sale, reason)
    values ('usage:u5', 'transaction', 0, 'u5', 'a', 'o-9', 'its sale is not known');
insert into charge (usage, kind, partner, app, period, service_period, product, plan, plan_version, currency, quantity, free,
    rate, transaction_id, base, minor, cause, rule_file, rule_line, rule_column)
    values ('u1', 'service_fee', 'p', 'a', '2026-11', '2026-11', 'store', 'standard', 1, 'CNY', 2, 3, '0.01', null, null, 2,
        'c1', 'f', 12, 7),
    ('u1', 'revenue_share', 'p', 'a', '2026-11', '2026-11', 'store', 'standard', 1, 'CNY', 1, 0, '2.5', 'o-1', 10000, 250,
        'c2', 'f', 14, 7),
    ('u2', 'share_reversal', 'p', 'a', '2026-11', '2026-11', 'store', 'standard', 1, 'CNY', 1, 0, '2.5', 'r-1', -4000, -100,
        'c3', 'f', 14, 7),
    ('u3', 'share_reversal', 'p', 'a', '2026-11', '2026-11', 'store', 'standard', 1, 'CNY', 1, 0, '2.5', 'r-1', -4000, -100,
        'c4', 'f', 14, 7);
insert into ledger_transaction values ('c1', 0, 'a', '2026-11', 'CNY'), ('c2', 0, 'a', '2026-11', 'CNY'),
    ('c3', 0, 'a', '2026-11', 'CNY'), ('c4', 0, 'a', '2026-11', 'CNY');
insert into ledger_posting values ('c1', 'partner:p:receivable', 2), ('c1', 'platform:revenue:fees', -2),
    ('c2', 'partner:p:receivable', 250), ('c2', 'platform:revenue:share', -250),
    ('c3', 'partner:p:receivable', -100), ('c3', 'platform:revenue:share', 100),
    ('c4', 'partner:p:receivable', -100), ('c4', 'platform:revenue:share', 100);
insert into unit_total (app, product, plan, plan_version, service_period, units)
    values ('a', 'store', 'standard', 1, '2026-11', 5);
insert into sale values ('a', 'o-1', 'CNY', 'store', 'standard', 1, '2.5', 'half-up', 'f', 14, 7, 10000, 250, 8000, 200);
insert into journal_position values ('n', 5);
