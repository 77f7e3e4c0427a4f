-- How good are we: of how many orders, parts and voices did what hold, and how long did customers wait?
-- with: visits
-- Added up for each list of keys first, and only then for each key: to unfold every order takes as long as all the rest.
SELECT
    key,
    sum(part.orders) AS orders,
    sum(part.handed_off) AS handed_off,
    sum(part.judged) AS judged,
    sum(part.fixed) AS fixed,
    sum(part.judged_confirmed) AS judged_confirmed,
    sum(part.fixed_confirmed) AS fixed_confirmed,
    sum(part.scores) AS scores,
    sum(part.promoters) AS promoters,
    sum(part.detractors) AS detractors,
    sum(part.requests) AS requests,
    sum(part.backordered) AS backordered,
    sum(part.complaints) AS complaints,
    sum(part.quick) AS quick,
    sum(part.quick_ready) AS quick_ready,
    sum(part.quick_in_time) AS quick_in_time,
    sum(part.promised) AS promised,
    sum(part.promise_kept) AS promise_kept,
    sum(part.quoted) AS quoted,
    sum(part.quote_kept) AS quote_kept,
    sum(part.waits) AS waits,
    avgIfMerge(part.wait_mean) AS wait_mean_s,
    stddevSampStableIfMerge(part.wait_deviation) AS wait_deviation_s,
    -- Linear between ranks, as numpy and pandas do it.
    quantilesExactInclusiveIfMerge(0.5, 0.9)(part.wait_quantiles) AS wait_quantiles_s
FROM
(
    SELECT
        keys,
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
        avgIfState(wait_s, is_handed_off) AS wait_mean,
        stddevSampStableIfState(wait_s, is_handed_off) AS wait_deviation,
        quantilesExactInclusiveIfState(0.5, 0.9)(wait_s, is_handed_off) AS wait_quantiles
    FROM visits
    GROUP BY keys
) AS part
ARRAY JOIN keys AS key
GROUP BY key
ORDER BY key NULLS LAST
