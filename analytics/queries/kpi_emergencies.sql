-- How many parts were ordered as emergencies, and how many of them came within 2 h?
-- with: visits
-- Row by row of center; `emergencies` are those of closed orders.
SELECT
    key,
    center_id,
    sum(asked) AS emergencies_all,
    sumIf(asked, is_closed) AS emergencies,
    sumIf(came, is_closed) AS in_time
FROM visits
INNER JOIN
(
    SELECT center_id, order_id, vehicle_key, count() AS asked, countIf(fulfilled_at <= requested_at + INTERVAL 2 HOUR) AS came
    FROM parts
    WHERE emergency
    GROUP BY center_id, order_id, vehicle_key
) AS emergency USING (center_id, order_id, vehicle_key)
ARRAY JOIN keys AS key
GROUP BY key, center_id
ORDER BY key NULLS LAST, center_id
