-- Which complaints are there, what became of each, and whose are they?
-- One row per complaint, all of them: a repeat may be of long ago. Times in ms.
SELECT
    c.center_id AS center_id,
    c.order_id AS order_id,
    c.complaint_id AS complaint_id,
    toUnixTimestamp64Milli(c.complained_at) AS complained_ms,
    c.category AS category,
    c.severity AS severity,
    c.phases AS phases,
    arrayMap(at -> toUnixTimestamp64Milli(at), c.reached_at) AS reached_ms,
    o.customer_key AS customer_key,
    c.vehicle_key AS vehicle_key
FROM complaints AS c
ANY LEFT JOIN
(
    SELECT center_id, order_id, vehicle_key, customer_key
    FROM orders
    WHERE complaints > 0
) AS o ON o.center_id = c.center_id AND o.order_id = c.order_id AND o.vehicle_key = c.vehicle_key
ORDER BY center_id, order_id, vehicle_key, complaint_id
