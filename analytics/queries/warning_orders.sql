-- Which orders had a fault of the product's, of which car, with which parts and batches?
-- since: the first day of check-in in time_zone. The car's model, software and month of build are those of the order's
-- first check-in that names them. removed: batches of parts taken out; requested: of parts asked for.
WITH
    named AS
    (
        SELECT
            center_id,
            order_id,
            vehicle_key,
            argMinIf(JSONExtractString(payload, 'model'), (occurred_at, event_id), JSONHas(payload, 'model')) AS model,
            argMinIf(JSONExtractString(payload, 'software'), (occurred_at, event_id), JSONHas(payload, 'software')) AS software,
            argMinIf(JSONExtractString(payload, 'built'), (occurred_at, event_id), JSONHas(payload, 'built')) AS built,
            groupUniqArrayIf(JSONExtractString(payload, 'batch'), type = 'repair' AND JSONHas(payload, 'batch')) AS removed,
            groupUniqArrayIf(JSONExtractString(payload, 'batch'), type = 'part_request' AND JSONHas(payload, 'batch')) AS requested
        FROM events
        WHERE type IN ('check_in', 'repair', 'part_request')
        GROUP BY center_id, order_id, vehicle_key
    ),
    requests AS
    (
        SELECT center_id, order_id, vehicle_key, groupUniqArray(part_no) AS parts
        FROM parts
        GROUP BY center_id, order_id, vehicle_key
    )
SELECT
    o.order_id AS order_id,
    o.center_id AS center_id,
    o.vehicle_key AS vehicle_key,
    assumeNotNull(o.checked_in_at) AS checked_in_at,
    toDate(assumeNotNull(o.checked_in_at), {time_zone:String}) AS day,
    o.fault_groups AS fault_groups,
    o.score AS score,
    n.model AS model,
    n.software AS software,
    n.built AS built,
    arraySort(n.removed) AS removed,
    arraySort(n.requested) AS requested,
    arraySort(r.parts) AS parts
FROM orders AS o
LEFT JOIN named AS n ON n.order_id = o.order_id AND n.center_id = o.center_id AND n.vehicle_key = o.vehicle_key
LEFT JOIN requests AS r ON r.order_id = o.order_id AND r.center_id = o.center_id AND r.vehicle_key = o.vehicle_key
WHERE o.fault_origin = 'product' AND notEmpty(o.fault_groups) AND isNotNull(o.checked_in_at)
    AND toDate(assumeNotNull(o.checked_in_at), {time_zone:String}) >= toDateOrZero({since:String})
ORDER BY checked_in_at, center_id, order_id, vehicle_key
