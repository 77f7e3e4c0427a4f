-- Which ready time was promised for each visit, and when was that said?
-- since: the day from which on it was said, in UTC, '' for no limit. end_key: as in eta_visits. Times are milliseconds
-- since 1970.
SELECT
    center_id,
    order_id,
    vehicle_key,
    groupArray((toUnixTimestamp64Milli(occurred_at), toUnixTimestamp64Milli(assumeNotNull(promised_at)))) AS promises
FROM
(
    SELECT
        center_id,
        order_id,
        vehicle_key,
        occurred_at,
        parseDateTime64BestEffortOrNull(JSONExtractString(payload, 'promised_at'), 3, 'UTC') AS promised_at
    FROM events
    WHERE type = 'check_in' AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
    ORDER BY occurred_at, event_id
)
WHERE isNotNull(promised_at) AND ({since:String} = '' OR occurred_at >= toDateOrZero({since:String}))
GROUP BY center_id, order_id, vehicle_key
