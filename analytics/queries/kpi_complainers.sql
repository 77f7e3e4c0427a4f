-- How often did those who complained complain?
-- with: visits
-- Of closed orders. A complainer is a customer, or a vehicle where none is known; squares: of each one's complaints.
SELECT
    key,
    sum(own) AS complaints,
    sum(own * own) AS squares,
    max(own) AS most
FROM
(
    SELECT key, ifNull(customer_key, vehicle_key) AS complainer, sum(complaints) AS own
    FROM visits
    ARRAY JOIN keys AS key
    WHERE is_closed AND complaints > 0
    GROUP BY key, complainer
)
GROUP BY key
ORDER BY key NULLS LAST
