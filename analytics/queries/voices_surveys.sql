-- What did the customer of each order with a bad last score answer, in order, and whose order is it?
-- One row per order, all of them. answers: (ms, event_id, score). Bad is up to 6, and up to 8 where the product was at
-- fault. An order's score is that of its last survey: one of a better score is of no such order.
SELECT
    s.center_id AS center_id,
    s.order_id AS order_id,
    s.vehicle_key AS vehicle_key,
    arraySort(groupArray((toUnixTimestamp64Milli(s.answered_at), s.event_id, s.score))) AS answers,
    any(o.customer_key) AS customer_key,
    any(o.fault_origin) AS fault_origin
FROM
(
    SELECT center_id, order_id, vehicle_key, answered_at, event_id, score
    FROM surveys
    WHERE score <= 8 OR NOT is_last
) AS s
INNER JOIN
(
    SELECT center_id, order_id, vehicle_key, customer_key, fault_origin
    FROM orders
    WHERE score <= if(fault_origin = 'product', 8, 6)
) AS o ON o.center_id = s.center_id AND o.order_id = s.order_id AND o.vehicle_key = s.vehicle_key
GROUP BY center_id, order_id, vehicle_key
ORDER BY center_id, order_id, vehicle_key
