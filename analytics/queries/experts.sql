-- How did each session with a remote expert go, and what became of its order?
-- with: visits
-- end_key: only vehicles whose key comes before it, '' for all. Of orders without a session one row with no times. Open
-- and cancelled orders, too: who waits for an expert yet is not left out.
WITH
sessions AS
(
    SELECT
        order_id, center_id, vehicle_key,
        JSONExtractString(payload, 'session_id') AS session_id,
        toUnixTimestamp64Milli(minIfOrNull(occurred_at, phase = 'requested')) AS requested_ms,
        toUnixTimestamp64Milli(minIfOrNull(occurred_at, phase = 'joined')) AS joined_ms,
        toUnixTimestamp64Milli(minIfOrNull(occurred_at, phase = 'resolved')) AS resolved_ms
    FROM events
    WHERE type = 'expert' AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
    GROUP BY order_id, center_id, vehicle_key, session_id
),
swaps AS
(
    -- Also of parts that came after the car was gone.
    SELECT order_id, center_id, vehicle_key, toUnixTimestamp64Milli(max(came_at)) AS part_ms
    FROM
    (
        SELECT
            order_id, center_id, vehicle_key, request_id,
            min(occurred_at) AS came_at,
            argMin(phase, (occurred_at, event_id)) AS outcome
        FROM events
        WHERE type = 'part_request' AND phase IN ('fulfilled', 'cancelled')
            AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
        GROUP BY order_id, center_id, vehicle_key, request_id
    )
    WHERE outcome = 'fulfilled'
    GROUP BY order_id, center_id, vehicle_key
)
SELECT
    v.center_id AS center_id,
    v.order_id AS order_id,
    v.vehicle_key AS vehicle_key,
    v.fault_groups AS fault_groups,
    v.ftf AS ftf,
    s.session_id AS session_id,
    s.requested_ms AS requested_ms,
    s.joined_ms AS joined_ms,
    s.resolved_ms AS resolved_ms,
    p.part_ms AS part_ms
FROM
(
    SELECT order_id, center_id, vehicle_key, fault_groups, ftf
    FROM visits
    WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String})
) AS v
LEFT JOIN sessions AS s ON s.order_id = v.order_id AND s.center_id = v.center_id AND s.vehicle_key = v.vehicle_key
LEFT JOIN swaps AS p ON p.order_id = v.order_id AND p.center_id = v.center_id AND p.vehicle_key = v.vehicle_key
ORDER BY center_id, order_id, vehicle_key, session_id
