-- What did the customer of each order answer, in order, and whose order is it?
-- One row per order with an answer, all of them: a better one may come in another month. answers: (ms, event_id, score).
SELECT
    s.center_id AS center_id,
    s.order_id AS order_id,
    s.vehicle_key AS vehicle_key,
    arraySort(groupArray((toUnixTimestamp64Milli(s.answered_at), s.event_id, s.score))) AS answers,
    any(o.customer_key) AS customer_key,
    any(o.fault_origin) AS fault_origin
FROM surveys AS s
ANY LEFT JOIN
(
    SELECT center_id, order_id, vehicle_key, customer_key, fault_origin
    FROM orders
    WHERE isNotNull(score)
) AS o ON o.center_id = s.center_id AND o.order_id = s.order_id AND o.vehicle_key = s.vehicle_key
GROUP BY center_id, order_id, vehicle_key
ORDER BY center_id, order_id, vehicle_key
