-- How many orders of each center were fixed first time, and how many of their parts were missing?
-- with: visits
-- What report kpi counts, for reports that show these figures, too.
SELECT
    center_id,
    count() AS orders,
    countIf(is_closed) AS closed,
    countIf(is_handed_off) AS handed_off,
    countIf(isNotNull(ftf)) AS judged,
    countIf(ftf) AS fixed,
    countIf(isNotNull(ftf) AND is_settled) AS judged_confirmed,
    countIf(ftf AND is_settled) AS fixed_confirmed,
    sum(part_requests) AS requests_all,
    sumIf(part_requests, is_closed) AS requests,
    sumIf(stockouts, is_closed) AS backordered
FROM visits
GROUP BY center_id
ORDER BY center_id
