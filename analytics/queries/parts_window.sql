-- How long did customers wait for each part of late?
-- zone: whose days; centers: only these, [] for all; without: not these. since, until: days of the request, the last one
-- excluded.
SELECT
    part_no,
    sum(waited_s) AS waited_s
FROM part_waits
WHERE (empty({centers:Array(String)}) OR has({centers:Array(String)}, center_id))
    AND NOT has({without:Array(String)}, center_id)
    AND toDate(ifNull(ifNull(requested_at, backordered_at), fulfilled_at), {zone:String}) >= toDateOrZero({since:String})
    AND toDate(ifNull(ifNull(requested_at, backordered_at), fulfilled_at), {zone:String}) < toDateOrZero({until:String})
GROUP BY part_no
ORDER BY part_no
