-- Which part requests are there, and when was each missing, delivered or withdrawn, also after the car was gone?
-- View `parts` tells of the visit alone: a car that was handed off with a part on order says nothing of its coming.
SELECT
    p.center_id AS center_id,
    p.order_id AS order_id,
    p.vehicle_key AS vehicle_key,
    p.request_id AS request_id,
    p.part_no AS part_no,
    p.quantity AS quantity,
    p.unit_price AS unit_price,
    p.emergency AS emergency,
    p.requested_at AS requested_at,
    ifNull(p.backordered_at, later.missing_at) AS backordered_at,
    if(is_open AND later.outcome = 'fulfilled', later.settled_at, p.fulfilled_at) AS fulfilled_at,
    if(is_open AND later.outcome = 'cancelled', later.settled_at, p.cancelled_at) AS cancelled_at,
    p.expected_at AS expected_at,
    isNotNull(backordered_at) AS stockout,
    isNull(p.fulfilled_at) AND isNull(p.cancelled_at) AS is_open,
    ifNull(ifNull(p.requested_at, p.backordered_at), p.fulfilled_at) AS asked_at
FROM parts AS p
LEFT JOIN
(
    SELECT
        center_id,
        order_id,
        vehicle_key,
        request_id,
        minIfOrNull(occurred_at, phase = 'backordered') AS missing_at,
        minIfOrNull(occurred_at, phase != 'backordered') AS settled_at,
        argMinIf(assumeNotNull(phase), (occurred_at, event_id), phase != 'backordered') AS outcome
    FROM arrivals
    WHERE type = 'part_request' AND phase IN ('backordered', 'fulfilled', 'cancelled')
        -- Only of what the visit left open: of millions of requests that is a small part.
        AND (center_id, order_id, vehicle_key, request_id) IN (
            SELECT center_id, order_id, vehicle_key, request_id
            FROM parts
            WHERE isNull(fulfilled_at) AND isNull(cancelled_at))
    GROUP BY center_id, order_id, vehicle_key, request_id
) AS later
    -- Nothing is later than what the visit has settled: those requests need not be looked up.
    ON isNull(p.fulfilled_at) AND isNull(p.cancelled_at) AND later.center_id = p.center_id AND later.order_id = p.order_id
    AND later.vehicle_key = p.vehicle_key AND later.request_id = p.request_id
