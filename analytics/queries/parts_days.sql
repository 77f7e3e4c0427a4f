-- How many pieces of each part did each center ask for, day by day?
-- with: parts_requests
-- zone: whose days; centers: only these, [] for all; without: not these.
-- since, until: days of the request, the last one excluded. slices, slice: of so many slices of the parts only one.
-- Without the requests that were withdrawn, by `until`, before anything was missing.
SELECT
    center_id,
    part_no,
    toDate(asked_at, {zone:String}) AS day,
    sum(toFloat64(quantity)) AS pieces,
    sumIf(toFloat64(quantity), isNotNull(fulfilled_at)) AS delivered,
    count() AS hits,
    countIf(stockout) AS stockouts,
    countIf(emergency) AS emergencies,
    countIf(emergency AND fulfilled_at <= requested_at + INTERVAL 2 HOUR) AS in_time,
    countIf(isNotNull(cancelled_at) AND isNull(fulfilled_at)) AS left_without
FROM parts_requests
WHERE (ifNull(cancelled_at >= toDateTime(toDateOrZero({until:String}), {zone:String}), true) OR isNotNull(fulfilled_at) OR stockout)
    AND (empty({centers:Array(String)}) OR has({centers:Array(String)}, center_id))
    AND NOT has({without:Array(String)}, center_id)
    AND cityHash64(part_no) % {slices:UInt32} = {slice:UInt32}
GROUP BY center_id, part_no, day
HAVING day >= toDateOrZero({since:String}) AND day < toDateOrZero({until:String})
ORDER BY center_id, part_no, day
