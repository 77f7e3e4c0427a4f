-- Which appointments were there, for when, and when was that said?
-- since: the day from which on they start, in UTC. Times are milliseconds since 1970; a cancelled one starts at 0.
SELECT
    center_id,
    order_id,
    groupArray((said_ms, if(phase = 'cancelled', 0, starts_ms))) AS phases
FROM
(
    SELECT
        center_id,
        order_id,
        phase,
        toUnixTimestamp64Milli(occurred_at) AS said_ms,
        toUnixTimestamp64Milli(parseDateTime64BestEffortOrZero(JSONExtractString(payload, 'starts_at'), 3, 'UTC')) AS starts_ms
    FROM events
    WHERE type = 'appointment'
    ORDER BY occurred_at, event_id
)
GROUP BY center_id, order_id
HAVING max(starts_ms) >= 1000 * toUnixTimestamp(toDateTime(toDateOrZero({since:String}), 'UTC'))
