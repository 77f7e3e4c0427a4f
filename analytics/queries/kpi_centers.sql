-- What did each center contribute to the figures, and which share of its waits is no longer than the quantiles of all?
-- with: visits
-- names, medians, p90s: for each key ('' where there is none) the two quantiles of all of its waits.
SELECT
    key,
    center_id,
    countIf(is_closed) AS closed,
    countIf(is_handed_off) AS handed_off,
    countIf(is_closed AND NOT is_handed_off) AS cancelled,
    countIf(isNotNull(ftf)) AS judged,
    countIf(ftf) AS fixed,
    countIf(isNotNull(ftf) AND is_settled) AS judged_confirmed,
    countIf(ftf AND is_settled) AS fixed_confirmed,
    countIf(is_closed AND isNotNull(score)) AS scores,
    countIf(is_closed AND score >= 9) AS promoters,
    countIf(is_closed AND score <= 6) AS detractors,
    sumIf(part_requests, is_closed) AS requests,
    sumIf(stockouts, is_closed) AS backordered,
    sumIf(complaints, is_closed) AS complaints,
    countIf(is_closed AND lane = 'quick' AND isNotNull(ready_at)) AS quick_ready,
    countIf(is_closed AND lane = 'quick' AND ready_at <= checked_in_at + INTERVAL 15 MINUTE) AS quick_in_time,
    countIf(is_closed AND isNotNull(ready_at) AND isNotNull(promised_at)) AS promised,
    countIf(is_closed AND ready_at <= promised_at) AS promise_kept,
    countIf(is_handed_off AND isNotNull(final_amount) AND isNotNull(approved_amount)) AS quoted,
    countIf(is_handed_off AND abs(final_amount - approved_amount) * 100 <= approved_amount) AS quote_kept,
    countIf(is_handed_off AND isNotNull(wait_s)) AS waits,
    avgIf(wait_s, is_handed_off) AS mean_s,
    avgIf(
        wait_s <= transform(ifNull(key, ''), {names:Array(String)}, {medians:Array(Float64)}, 0.),
        is_handed_off) AS up_to_median,
    avgIf(
        wait_s <= transform(ifNull(key, ''), {names:Array(String)}, {p90s:Array(Float64)}, 0.),
        is_handed_off) AS up_to_p90
FROM
(
    -- An order has several keys in the cut by fault group alone: to unfold all orders takes a quarter of the time.
    SELECT *, keys[1] AS key FROM visits WHERE {by:String} != 'group'
    UNION ALL
    SELECT *, arrayJoin(keys) AS key FROM visits WHERE {by:String} = 'group'
)
GROUP BY key, center_id
HAVING closed > 0
ORDER BY key NULLS LAST, center_id
