-- Which orders had a fault of the product's, of which car, with which parts and batches?
-- since: the first day of check-in in time_zone. The car's model, software and month of build are those of the order's
-- first check-in that names them. removed: batches of parts taken out; requested: of parts asked for. first_key, end_key:
-- vehicles from one key to before the other, '' for no end.
WITH
    faulty AS
    (
        SELECT center_id, order_id, vehicle_key, checked_in_at, fault_groups, score
        FROM orders
        WHERE fault_origin = 'product' AND notEmpty(fault_groups) AND isNotNull(checked_in_at)
            AND vehicle_key >= {first_key:String} AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
            AND toDate(assumeNotNull(checked_in_at), {time_zone:String}) >= toDateOrZero({since:String})
    ),
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
            AND vehicle_key >= {first_key:String} AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
            AND (center_id, order_id, vehicle_key) IN (SELECT center_id, order_id, vehicle_key FROM faulty)
        GROUP BY center_id, order_id, vehicle_key
    ),
    requests AS
    (
        SELECT center_id, order_id, vehicle_key, groupUniqArray(part_no) AS parts
        FROM parts
        WHERE (center_id, order_id, vehicle_key) IN (SELECT center_id, order_id, vehicle_key FROM faulty)
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
FROM faulty AS o
LEFT JOIN named AS n ON n.order_id = o.order_id AND n.center_id = o.center_id AND n.vehicle_key = o.vehicle_key
LEFT JOIN requests AS r ON r.order_id = o.order_id AND r.center_id = o.center_id AND r.vehicle_key = o.vehicle_key
ORDER BY checked_in_at, center_id, order_id, vehicle_key
