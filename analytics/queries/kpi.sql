-- How good are we: of how many orders, parts and voices did what hold, and how long did customers wait?
-- with: visits
SELECT
    key,
    count() AS orders,
    countIf(is_handed_off) AS handed_off,
    countIf(isNotNull(ftf)) AS judged,
    countIf(ftf) AS fixed,
    countIf(isNotNull(ftf) AND is_settled) AS judged_confirmed,
    countIf(ftf AND is_settled) AS fixed_confirmed,
    countIf(isNotNull(score)) AS scores,
    countIf(score >= 9) AS promoters,
    countIf(score <= 6) AS detractors,
    sum(part_requests) AS requests,
    sum(stockouts) AS backordered,
    sumIf(complaints, is_handed_off) AS complaints,
    countIf(lane = 'quick') AS quick,
    countIf(lane = 'quick' AND isNotNull(ready_at)) AS quick_ready,
    countIf(lane = 'quick' AND ready_at <= checked_in_at + INTERVAL 15 MINUTE) AS quick_in_time,
    countIf(isNotNull(ready_at) AND isNotNull(promised_at)) AS promised,
    countIf(ready_at <= promised_at) AS promise_kept,
    countIf(is_handed_off AND isNotNull(final_amount) AND isNotNull(approved_amount)) AS quoted,
    countIf(is_handed_off AND abs(final_amount - approved_amount) * 100 <= approved_amount) AS quote_kept,
    countIf(is_handed_off AND isNotNull(wait_s)) AS waits,
    avgIf(wait_s, is_handed_off) AS wait_mean_s,
    stddevSampStableIf(wait_s, is_handed_off) AS wait_deviation_s,
    -- Linear between ranks, as numpy and pandas do it.
    quantilesExactInclusiveIf(0.5, 0.9)(wait_s, is_handed_off) AS wait_quantiles_s
FROM visits
ARRAY JOIN keys AS key
GROUP BY key
ORDER BY key NULLS LAST
