-- How many parts were ordered as emergencies, and how many of them came within 2 h?
-- with: visits
SELECT
    key,
    sum(asked) AS emergencies,
    sum(came) AS in_time
FROM visits
INNER JOIN
(
    SELECT center_id, order_id, count() AS asked, countIf(fulfilled_at <= requested_at + INTERVAL 2 HOUR) AS came
    FROM parts
    WHERE emergency
    GROUP BY center_id, order_id
) AS emergency USING (center_id, order_id)
ARRAY JOIN keys AS key
GROUP BY key
ORDER BY key NULLS LAST
