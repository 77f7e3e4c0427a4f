-- Which appointments were there, for when, and when was that said?
-- since: the day from which on they start, in UTC; centers: only these, [] for all. Times are milliseconds since 1970; a
-- cancelled one starts at 0. An order that was moved to its right vehicle has its appointment there.
SELECT
    center_id,
    order_id,
    vehicle_key,
    groupArrayIf((said_ms, if(phase = 'cancelled', 0, starts_ms)), type = 'appointment') AS phases
FROM
(
    SELECT
        center_id,
        order_id,
        vehicle_key,
        type,
        phase,
        payload,
        toUnixTimestamp64Milli(occurred_at) AS said_ms,
        toUnixTimestamp64Milli(parseDateTime64BestEffortOrZero(JSONExtractString(payload, 'starts_at'), 3, 'UTC')) AS starts_ms
    FROM events
    WHERE type IN ('appointment', 'cancellation')
        AND (empty({centers:Array(String)}) OR has({centers:Array(String)}, center_id))
    ORDER BY occurred_at, event_id
)
GROUP BY center_id, order_id, vehicle_key
HAVING countIf(type = 'cancellation' AND JSONExtractString(payload, 'reason') = 'vehicle_corrected') = 0
    AND max(starts_ms) >= 1000 * toUnixTimestamp(toDateTime(toDateOrZero({since:String}), 'UTC'))
