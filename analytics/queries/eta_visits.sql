-- Which visits were there from a day on, at which center and in which lane, and when did each become ready?
-- since: the day of check-in from which on, in UTC, '' for no limit. end_key: only vehicles whose key comes before it, ''
-- for all, as in drivers. Times are milliseconds since 1970.
SELECT
    center_id,
    order_id,
    vehicle_key,
    lane,
    toUnixTimestamp64Milli(checked_in_at) AS checked_in_ms,
    toUnixTimestamp64Milli(ready_at) AS ready_ms,
    toUnixTimestamp64Milli(closed_at) AS closed_ms
FROM orders
WHERE isNotNull(checked_in_at) AND isNotNull(lane)
    AND ({since:String} = '' OR checked_in_at >= toDateOrZero({since:String}))
    AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
ORDER BY checked_in_at, center_id, order_id, vehicle_key
