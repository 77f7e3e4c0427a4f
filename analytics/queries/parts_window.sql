-- How long did customers wait for each part of late?
-- zone: whose days. since, until: days of the request, the last one excluded.
SELECT
    part_no,
    count() AS requests,
    countIf(stockout) AS stockouts,
    sum(waited_s) AS waited_s
FROM part_waits
WHERE toDate(requested_at, {zone:String}) >= toDate({since:String})
    AND toDate(requested_at, {zone:String}) < toDate({until:String})
GROUP BY part_no
ORDER BY part_no
