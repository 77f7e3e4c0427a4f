-- On which day was a part last asked for?
-- time_zone: whose days.
SELECT
    maxOrNull(toDate(ifNull(ifNull(requested_at, backordered_at), fulfilled_at), {time_zone:String})) AS last_day,
    count() AS requests
FROM parts
