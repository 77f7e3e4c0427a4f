-- How did each center do, by day of check-in: what was waited, mended, answered and complained of?
-- since, until: days of handoff in time_zone, both included, '' for no limit.
SELECT
    center_id,
    toDate(checked_in_at, {time_zone:String}) AS day,
    count() AS handed_off,
    countIf(isNotNull(wait_s)) AS waits,
    sum(wait_s) AS wait_s,
    countIf(isNotNull(ftf) AND is_settled) AS judged,
    countIf(ftf AND is_settled) AS fixed,
    countIf(isNotNull(score)) AS scores,
    countIf(score >= 9) AS promoters,
    countIf(score <= 6) AS detractors,
    sum(complaints) AS complaints
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
)
GROUP BY center_id, day
ORDER BY center_id, day
