-- Who worked on each judged order, of which kind was it, and was the fault mended the first time?
-- with: visits
-- A row for each technician of an order, as in quality_technicians. end_key: only vehicles whose key comes before it.
WITH
workers AS
(
    SELECT order_id, center_id, vehicle_key, assumeNotNull(technician_id) AS technician, min(occurred_at) AS first_at
    FROM events
    WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String}) AND type = 'repair' AND isNotNull(technician_id)
    GROUP BY order_id, center_id, vehicle_key, technician
),
comebacks AS
(
    SELECT DISTINCT
        assumeNotNull(comeback_center_id) AS center_id, assumeNotNull(comeback_order_id) AS order_id, vehicle_key
    FROM orders
    WHERE isNotNull(comeback_order_id) AND isNotNull(comeback_center_id)
)
SELECT
    center_id,
    order_id,
    vehicle_key,
    technician,
    fault_groups,
    fault_origin,
    lane,
    ftf,
    toUnixTimestamp64Milli(first_at) AS worked_ms,
    (center_id, order_id, vehicle_key) IN (SELECT center_id, order_id, vehicle_key FROM comebacks) AS is_comeback
FROM workers
INNER JOIN
(
    SELECT order_id, center_id, vehicle_key, fault_groups, fault_origin, lane, ftf, closed_at
    FROM visits
    WHERE isNotNull(ftf) AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
) AS judged_order USING (order_id, center_id, vehicle_key)
WHERE first_at <= closed_at
ORDER BY center_id, order_id, vehicle_key, technician
