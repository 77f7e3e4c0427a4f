-- With which carrier and number does each part request travel, and what did it cost?
-- since: only what was asked for from this day on, and what is on its way yet; costs before the day `until` alone.
SELECT
    center_id,
    order_id,
    vehicle_key,
    request_id,
    argMaxIf(JSONExtractString(payload, 'carrier'), (occurred_at, event_id), JSONHas(payload, 'carrier')) AS carrier,
    argMaxIf(JSONExtractString(payload, 'tracking_no'), (occurred_at, event_id), JSONHas(payload, 'tracking_no')) AS tracking_no,
    if(
        min(occurred_at) >= toDateTime(toDateOrZero({since:String}), 'UTC') AND min(occurred_at) < toDateTime(toDateOrZero({until:String}), 'UTC'),
        argMaxIf(
            toFloat64OrNull(trim(BOTH '"' FROM JSONExtractRaw(payload, 'cost'))),
            (occurred_at, event_id),
            JSONHas(payload, 'cost')),
        NULL) AS cost,
    any(part_no) AS part_no,
    max(JSONExtractString(payload, 'urgency') = 'emergency') AS emergency
FROM arrivals
WHERE type = 'part_request'
    -- An order that was moved to its right vehicle has its parts there.
    AND (center_id, order_id, vehicle_key) NOT IN (
        SELECT center_id, order_id, vehicle_key
        FROM arrivals
        WHERE type = 'cancellation' AND JSONExtractString(payload, 'reason') = 'vehicle_corrected')
GROUP BY center_id, order_id, vehicle_key, request_id
HAVING (notEmpty(carrier) OR notEmpty(tracking_no) OR isNotNull(cost))
    AND (min(occurred_at) >= toDateTime(toDateOrZero({since:String}), 'UTC') OR countIf(phase IN ('fulfilled', 'cancelled')) = 0)
ORDER BY center_id, order_id, vehicle_key, request_id
