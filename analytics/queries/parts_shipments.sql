-- With which carrier and number does each part request travel, and what did it cost?
-- since: only what was sent from this day on, '' for no limit.
SELECT
    center_id,
    order_id,
    request_id,
    argMaxIf(JSONExtractString(payload, 'carrier'), occurred_at, JSONHas(payload, 'carrier')) AS carrier,
    argMaxIf(JSONExtractString(payload, 'tracking_no'), occurred_at, JSONHas(payload, 'tracking_no')) AS tracking_no,
    argMaxIf(
        toFloat64OrNull(trim(BOTH '"' FROM JSONExtractRaw(payload, 'cost'))),
        occurred_at,
        JSONHas(payload, 'cost')) AS cost,
    any(part_no) AS part_no,
    max(JSONExtractString(payload, 'urgency') = 'emergency') AS emergency
FROM arrivals
WHERE type = 'part_request'
    AND ({since:String} = '' OR occurred_at >= toDateTime(toDateOrZero({since:String}), 'UTC'))
    AND (JSONHas(payload, 'carrier') OR JSONHas(payload, 'tracking_no') OR JSONHas(payload, 'cost'))
GROUP BY center_id, order_id, request_id
ORDER BY center_id, order_id, request_id
