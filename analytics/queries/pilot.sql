-- How did each center do, by day of check-in: what was waited, mended, answered and complained of?
-- since, until: days of close in time_zone, both included, '' for no limit; open orders are counted all the same.
SELECT
    v.center_id AS center_id,
    toDate(v.checked_in_at, {time_zone:String}) AS day,
    countIf(v.is_handed_off) AS handed_off,
    countIf(v.is_handed_off AND isNotNull(v.wait_s)) AS waits,
    sumIf(v.wait_s, v.is_handed_off) AS wait_s,
    sumIf(v.wait_s * v.wait_s, v.is_handed_off) AS wait_squares,
    countIf(v.is_handed_off AND isNotNull(v.ftf) AND v.is_settled) AS judged,
    countIf(v.is_handed_off AND v.ftf AND v.is_settled) AS fixed,
    countIf(v.is_handed_off AND isNotNull(v.score)) AS scores,
    countIf(v.is_handed_off AND v.score >= 9) AS promoters,
    countIf(v.is_handed_off AND v.score <= 6) AS detractors,
    sumIf(v.complaints, v.is_handed_off) AS complaints,
    sumIf(v.complaints * v.complaints, v.is_handed_off) AS complaint_squares,
    countIf(v.status = 'open') AS still_open,
    countIf(v.status = 'cancelled') AS cancelled
FROM
(
    SELECT
        *,
        status = 'handed_off' AS is_handed_off,
        closed_at + INTERVAL 30 DAY < now64(3, 'UTC') AS is_settled
    FROM orders
    WHERE isNotNull(checked_in_at)
        AND (status = 'open' OR {since:String} = '' OR toDate(closed_at, {time_zone:String}) >= toDateOrZero({since:String}))
        AND (status = 'open' OR {until:String} = '' OR toDate(closed_at, {time_zone:String}) <= toDateOrZero({until:String}))
) AS v
GROUP BY center_id, day
ORDER BY center_id, day
