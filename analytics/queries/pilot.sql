-- How did each center do, by day of check-in: what was waited, mended, answered and complained of?
-- since, until: days of handoff in time_zone, both included, '' for no limit.
SELECT
    v.center_id AS center_id,
    toDate(v.checked_in_at, {time_zone:String}) AS day,
    count() AS handed_off,
    countIf(isNotNull(v.wait_s)) AS waits,
    sum(v.wait_s) AS wait_s,
    countIf(isNotNull(v.ftf) AND v.is_settled) AS judged,
    countIf(v.ftf AND v.is_settled) AS fixed,
    countIf(isNotNull(v.score)) AS scores,
    countIf(v.score >= 9) AS promoters,
    countIf(v.score <= 6) AS detractors,
    sum(v.complaints) AS complaints
FROM
(
    SELECT
        *,
        closed_at + INTERVAL 30 DAY < now64(3, 'UTC') AS is_settled
    FROM orders
    WHERE status = 'handed_off'
        AND isNotNull(checked_in_at)
        AND ({since:String} = '' OR toDate(closed_at, {time_zone:String}) >= toDateOrZero({since:String}))
        AND ({until:String} = '' OR toDate(closed_at, {time_zone:String}) <= toDateOrZero({until:String}))
) AS v
GROUP BY center_id, day
ORDER BY center_id, day
